"""Recordings of experts, and files that are whole or refused."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.worlds import make_world
from segue.worlds.array.minigrid import MiniGrid
from segue.worlds.array.minigrid.levels import LavaCrossing
from segue.worlds.demonstrations import read_recording, record_episodes, write_recording


@pytest.fixture(scope="module")
def recording():
    return record_episodes("PoisonedDoors-v0", 10, 3, lanes=4)


def test_the_expert_is_recorded_step_by_step(recording):
    assert (
        recording.about | {"world": "PoisonedDoors-v0", "seed": 3, "dropped": 0} == recording.about
    )
    assert recording.about["episodes"] == recording.begins.sum() == 10
    assert recording.about["return"] == 2.0 and recording.about["success"] == 1.0
    # The expert chooses the good door at once: one step an episode.
    assert recording.about["steps"] == recording.about["length"] * 10 == 10
    assert set(recording.action.tolist()) <= {4, 5, 6} and not recording.observation.any()


def test_episodes_are_whole_and_in_the_order_of_their_lanes():
    made = record_episodes("MiniGrid-DoorKey-5x5-v0", 6, 0, lanes=3)
    starts = [*np.flatnonzero(made.begins), len(made.begins)]
    world = make_world("MiniGrid-DoorKey-5x5-v0", 1, 1)
    assert made.observation.shape == (len(made.begins), *world.single_observation_space.shape)
    for start, end in pairwise(starts):
        assert made.reward[end - 1] > 0 and not made.reward[start : end - 1].any()
    alone = record_episodes("MiniGrid-DoorKey-5x5-v0", 2, 0, lanes=1)
    np.testing.assert_array_equal(alone.action, made.action[: starts[2]])


def test_the_same_seed_records_the_same_and_another_one_something_else(recording):
    assert record_episodes("PoisonedDoors-v0", 10, 3, lanes=4).digest == recording.digest
    assert record_episodes("PoisonedDoors-v0", 10, 4, lanes=4).digest != recording.digest


def test_progress_is_reported():
    heard = []
    record_episodes("PoisonedDoors-v0", 5, 0, lanes=2, on_progress=heard.append)
    assert heard == sorted(heard) and heard[-1] == 5


def test_failures_may_be_left_out():
    """The corrupted expert of MiniGrid fails now and then."""
    world = partial(MiniGrid, LavaCrossing(9, 1), corrupt_within=3)
    every, good = (
        record_episodes(world, 12, 0, lanes=4, success_only=only) for only in (False, True)
    )
    assert every.about["success"] < 1 == good.about["success"]
    assert good.about["dropped"] > 0 == every.about["dropped"]


@pytest.mark.parametrize(
    ("world", "episodes", "changes", "sentence"),
    [
        ("Acrobot-v1", 5, {}, "has no expert"),
        ("CartPole-v1", 5, {"success_only": True}, "has no metric 'success'"),
        ("CartPole-v1", 0, {}, "episodes must be at least 1"),
        ("CartPole-v9", 1, {}, "There is no world 'CartPole-v9'"),
    ],
)
def test_what_cannot_be_recorded_is_refused(world, episodes, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        record_episodes(world, episodes, 0, **changes)


def test_a_file_holds_what_was_recorded(recording, tmp_path):
    path = tmp_path / "folder" / "doors.npz"
    write_recording(path, recording)
    again = read_recording(path)
    assert again.digest == recording.digest and again.about == recording.about
    for name in ("observation", "action", "reward", "begins"):
        np.testing.assert_array_equal(getattr(again, name), getattr(recording, name))


@pytest.fixture(scope="module")
def content(recording, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "doors.npz"
    write_recording(path, recording)
    return path.read_bytes()


def refused(content, folder):
    path = folder / "doors.npz"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"doors\.npz is damaged or not a demonstration file: record it again"
    ) as error:
        read_recording(path)
    assert str(error.value).endswith(".")


@settings(max_examples=60)
@given(st.data())
def test_a_file_that_was_cut_is_refused(content, tmp_path_factory, data):
    refused(content[: data.draw(st.integers(0, len(content) - 1))], tmp_path_factory.mktemp("cut"))


@settings(max_examples=150)
@given(st.data())
def test_a_file_with_a_changed_byte_reads_the_same_or_is_refused(
    content, recording, tmp_path_factory, data
):
    at = data.draw(st.integers(0, len(content) - 1))
    value = data.draw(st.integers(1, 255))
    changed = bytearray(content)
    changed[at] ^= value
    path = tmp_path_factory.mktemp("changed") / "doors.npz"
    path.write_bytes(changed)
    try:
        assert (
            read_recording(path).digest == recording.digest
        )  # bytes that zip ignores, such as dates
    except ValueError as error:
        assert "doors.npz is damaged" in str(error) or "newer Segue" in str(error)


def test_other_files_are_refused(tmp_path):
    refused(b"", tmp_path)
    refused(b"not numpy's", tmp_path)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    refused((tmp_path / "other.npz").read_bytes(), tmp_path)
    np.savez(tmp_path / "objects.npz", about=np.array({"format": 1}, object))
    refused((tmp_path / "objects.npz").read_bytes(), tmp_path)
    with pytest.raises(ValueError, match="There is no demonstration file"):
        read_recording(tmp_path / "none.npz")
