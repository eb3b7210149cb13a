import json
from types import MappingProxyType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.tracker import ScalarMeanTracker

names = st.sampled_from(["a", "b", "c"])
adds = st.lists(st.tuples(names, st.floats(-1e6, 1e6), st.integers(0, 50)), max_size=20)


def tracked(*added):
    tracker = ScalarMeanTracker()
    for scalars, n in added:
        tracker.add_scalars(scalars, n)
    return tracker


def test_worked_by_hand():
    tracker = ScalarMeanTracker()
    tracker.add_scalars({"loss": 1.0, "entropy": 0.5})
    tracker.add_scalars({"loss": 4.0}, n=3)
    tracker.add_scalars({"loss": 0.0, "entropy": 0.1}, n={"loss": 1, "entropy": 3})
    assert tracker.means() == pytest.approx({"loss": 13 / 5, "entropy": 0.8 / 4})


def test_pop_and_reset_returns_the_means_once():
    tracker = tracked(({"a": 2}, 1))
    assert tracker.pop_and_reset() == {"a": 2.0}
    assert tracker.pop_and_reset() == {}


def test_means_forget_nothing():
    tracker = tracked(({"a": 2}, 1))
    assert tracker.means() == tracker.means() == {"a": 2.0}


@given(adds)
def test_the_mean_is_the_weighted_mean(added):
    tracker = tracked(*(({name: value}, n) for name, value, n in added))
    for name in {name for name, _, n in added if n > 0}:
        values, weights = zip(
            *[(value, n) for other, value, n in added if other == name], strict=True
        )
        assert tracker.means()[name] == pytest.approx(
            np.average(values, weights=weights), rel=1e-9, abs=1e-6
        )
    assert tracker.means().keys() == {name for name, _, n in added if n > 0}


@given(adds)
def test_adding_nothing_changes_nothing(added):
    tracker = tracked(*(({name: value}, n) for name, value, n in added))
    before = tracker.state_dict()
    tracker.add_scalars({"a": 1.0, "z": float("inf")}, n=0)
    tracker.add_scalars({})
    assert tracker.state_dict() == before


@given(adds, adds)
def test_a_restored_tracker_continues_equally(before, after):
    tracker = tracked(*(({name: value}, n) for name, value, n in before))
    restored = ScalarMeanTracker()
    restored.load_state_dict(json.loads(json.dumps(tracker.state_dict())))
    for name, value, n in after:
        tracker.add_scalars({name: value}, n)
        restored.add_scalars({name: value}, n)
    assert restored.means() == tracker.means()


@pytest.mark.parametrize(
    "bad",
    [
        {"a": 1.0, "b": "2"},
        {"a": 1.0, "b": None},
        {"a": 1.0, "b": torch.zeros(2)},
        {"a": 1.0, "b": np.zeros((2, 1))},
        {"a": 1.0, "b": 1j},
    ],
)
def test_an_add_is_all_or_nothing_in_its_values(bad):
    tracker = tracked(({"a": 3.0}, 2))
    with pytest.raises(TypeError, match="The scalar 'b' must be one number"):
        tracker.add_scalars(bad)
    assert tracker.state_dict() == tracked(({"a": 3.0}, 2)).state_dict()


@pytest.mark.parametrize(
    ("n", "error", "sentence"),
    [
        (-1, ValueError, "must not be negative, got -1"),
        ({"a": 1, "b": -2}, ValueError, "'b' must not be negative"),
        ({"a": 1}, ValueError, "no count for the scalar 'b'"),
        ({"a": 1, "b": 1.5}, TypeError, "'b' must be a whole number"),
        (True, TypeError, "must be a whole number, got True"),
        ("2", TypeError, "must be a whole number"),
    ],
)
def test_an_add_is_all_or_nothing_in_its_counts(n, error, sentence):
    tracker = tracked(({"a": 3.0}, 2))
    with pytest.raises(error, match=sentence):
        tracker.add_scalars({"a": 1.0, "b": 2.0}, n)
    assert tracker.state_dict() == tracked(({"a": 3.0}, 2)).state_dict()


def test_scalars_must_be_a_dictionary():
    with pytest.raises(TypeError, match="dictionary of names and values"):
        ScalarMeanTracker().add_scalars([("a", 1)])


def test_n_may_be_any_mapping():
    assert tracked(({"a": 1.0}, MappingProxyType({"a": 2, "unused": 3}))).state_dict()[
        "counts"
    ] == {"a": 2}


@pytest.mark.parametrize(
    "value",
    [torch.tensor(2.5), torch.tensor([2.5], requires_grad=True), np.float32(2.5), np.array([2.5])],
)
def test_tensors_and_arrays_are_stored_as_floats(value):
    tracker = tracked(({"a": value}, 2))
    assert type(tracker.state_dict()["sums"]["a"]) is float
    assert tracker.means() == {"a": 2.5}


def test_a_count_may_be_a_numpy_or_torch_integer():
    assert tracked(({"a": 1.0}, np.int64(3)), ({"a": 1.0}, torch.tensor(2))).state_dict()[
        "counts"
    ] == {"a": 5}


def test_a_success_is_a_number():
    assert tracked(({"success": True}, 1), ({"success": False}, 1)).means() == {"success": 0.5}


def test_state_is_a_copy():
    tracker = tracked(({"a": 1.0}, 1))
    tracker.state_dict()["sums"]["a"] = 100.0
    assert tracker.means() == {"a": 1.0}


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({}, ValueError),
        ({"sums": {"a": 1.0}, "counts": {}}, ValueError),
        ({"sums": {"a": 1.0}, "counts": {"a": 0}}, ValueError),
        ({"sums": {"a": 1.0}, "counts": {"a": -1}}, ValueError),
        ({"sums": {"a": "x"}, "counts": {"a": 1}}, TypeError),
        ({"sums": {}, "counts": {}, "more": {}}, ValueError),
    ],
)
def test_a_wrong_state_is_refused_and_changes_nothing(state, error):
    tracker = tracked(({"a": 3.0}, 1))
    with pytest.raises(error):
        tracker.load_state_dict(state)
    assert tracker.means() == {"a": 3.0}


def test_prints_its_means():
    assert repr(tracked(({"a": 1}, 1))) == "ScalarMeanTracker({'a': 1.0})"
