"""Laws of seeds and streams."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.worlds import LaneStreams, lane_seeds, stream
from segue.worlds.seeds import environment_seeds, uses_of

SEEDS = st.integers(0, 2**63 - 1)
USES = ("train", "evaluation", "held-out")
NAMES = st.lists(st.one_of(st.text(), st.integers()), max_size=4)


@given(SEEDS, SEEDS, SEEDS, st.integers(1, 64))
def test_uses_never_share_a_seed(a: int, b: int, c: int, lanes: int) -> None:
    seeds = [lane_seeds(seed, use, lanes) for seed, use in zip((a, b, c), USES, strict=True)]
    assert len(np.unique(np.concatenate(seeds))) == 3 * lanes


@given(SEEDS, st.sampled_from(USES), st.integers(1, 32), st.integers(1, 32))
def test_lane_seeds_are_distinct_positive_int64s_and_do_not_depend_on_how_many(
    seed: int, use: str, few: int, more: int
) -> None:
    seeds = lane_seeds(seed, use, few + more)
    assert seeds.dtype == np.uint64
    assert (seeds.astype(np.int64) >= 0).all()
    assert len(set(seeds.tolist())) == few + more
    np.testing.assert_array_equal(lane_seeds(seed, use, few), seeds[:few])


@given(SEEDS, NAMES, NAMES)
def test_a_stream_is_named_by_all_its_names_in_order(
    seed: int, names: list[str | int], others: list[str | int]
) -> None:
    mine = stream(seed, *names).generate_state(4)
    yours = stream(seed, *others).generate_state(4)
    assert (mine == yours).all() == (names == others)


def test_streams_are_the_same_in_every_process() -> None:
    code = (
        "from segue.worlds import stream; print(stream(7, 'actions', 3).generate_state(2).tolist())"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
    ]
    printed.append(f"{stream(7, 'actions', 3).generate_state(2).tolist()}\n")
    assert printed[0] == printed[1]


def test_a_name_is_not_its_number() -> None:
    assert (stream(0, 1).generate_state(2) != stream(0, "1").generate_state(2)).all()


def test_negative_seeds_and_unknown_uses_are_refused() -> None:
    with pytest.raises(ValueError, match="The seed is -1"):
        stream(-1, "worlds")
    with pytest.raises(ValueError, match="'test': choose one of train, evaluation, held-out"):
        lane_seeds(0, "test", 3)  # type: ignore[arg-type]


def lanes(*which: int) -> np.ndarray:
    return np.array(which, np.int64)


def test_splitmix64_by_its_published_numbers() -> None:
    streams = LaneStreams(np.zeros(1, np.uint64))
    streams.load_state_dict({"counter": np.array([1234567], np.int64)})
    drawn = [int(streams._draw(lanes(0), 1)[0, 0]) for _ in range(3)]
    assert drawn == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.lists(SEEDS, min_size=3, max_size=8), st.data())
def test_a_lane_draws_the_same_in_any_company(seeds: list[int], data: st.DataObject) -> None:
    together = LaneStreams(np.array(seeds, np.uint64))
    alone = [LaneStreams(np.array([seed], np.uint64)) for seed in seeds]
    indices = st.lists(st.integers(0, len(seeds) - 1), min_size=1, unique=True)
    for _ in range(4):
        drawing = data.draw(indices)
        count = data.draw(st.integers(1, 5))
        drawn = together.uniform(lanes(*drawing), count)
        for place, lane in enumerate(drawing):
            np.testing.assert_array_equal(
                drawn[:, place], alone[lane].uniform(lanes(0), count)[:, 0]
            )
    kept = data.draw(indices)
    seeds_after = together.select(lanes(*kept)).episode_seeds(np.arange(len(kept)))
    assert seeds_after.tolist() == [int(alone[lane].episode_seeds(lanes(0))[0]) for lane in kept]


def test_numbers_are_uniform_and_lanes_and_draws_unrelated() -> None:
    neighbours = LaneStreams(np.arange(400, dtype=np.uint64))  # consecutive seeds are the hardest
    drawn = neighbours.uniform(np.arange(400), 400)
    assert (drawn.min() >= 0, drawn.max() < 1) == (True, True)
    counts, _ = np.histogram(drawn, bins=100, range=(0, 1))
    chi_squared = ((counts - 1600) ** 2 / 1600).sum()
    assert 55 < chi_squared < 155  # 99 degrees of freedom: mean 99, standard deviation 14
    for table in (drawn, drawn.T):
        correlation = np.corrcoef(table) - np.eye(400)
        assert np.abs(correlation).max() < 6 / np.sqrt(400)
        assert abs(correlation.std() * np.sqrt(400) - 1) < 0.05


def test_episode_seeds_are_distinct_and_fit_in_63_bits() -> None:
    streams = LaneStreams(lane_seeds(0, "train", 100))
    drawn = np.concatenate([streams.episode_seeds(np.arange(100)) for _ in range(100)])
    assert len(np.unique(drawn)) == 10_000
    assert drawn.dtype == np.uint64
    assert int(drawn.max()).bit_length() == 63


def test_seeds_of_environments_are_below_2_to_the_31_and_those_of_uses_never_meet() -> None:
    for number, use in enumerate(USES):
        lanes = lane_seeds(3, use, 1000)
        drawn = LaneStreams(lanes).episode_seeds(np.arange(1000))
        for own in (lanes, drawn):
            seeds = environment_seeds(own, uses_of(lanes))
            assert seeds.max() < 2**31
            assert set((seeds >> np.uint64(29)).tolist()) == {number}
            assert len(np.unique(seeds)) > 990
