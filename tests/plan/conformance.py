"""Conformance suites that every schedule and every criterion must pass.

A new one is added to the list of the test that calls these.
"""

import copy
import dataclasses
import json
import pickle
import random
from collections.abc import Callable
from typing import Any

from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.tracker import ScalarMeanTracker
from segue.plan.values.describe import canonical_json, describe

Schedule = Callable[[int], float]


def check_schedule(schedule: Any) -> None:
    check_value(schedule)
    _check_pure(schedule)
    _check_clamped(schedule)


def check_criterion(make: Callable[[], EarlyStoppingCriterion], metrics: dict[str, float]) -> None:
    """`metrics` are names and typical values that the criterion reads."""
    assert isinstance(make(), EarlyStoppingCriterion)
    assert canonical_json(describe(make())) == canonical_json(describe(make()))
    _check_resumes(make, metrics)
    _check_only_reads(make(), metrics)
    _check_refuses_foreign_state(make())


def check_value(value: Any) -> None:
    """Frozen, prints, compares, pickles, copies, and describes itself."""
    assert dataclasses.is_dataclass(value)
    assert type(value).__dataclass_params__.frozen
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert twin == value
        assert hash(twin) == hash(value)
        assert describe(twin) == describe(value)
    assert type(value).__name__ in repr(value)
    json.dumps(describe(value), allow_nan=False)


def _check_pure(schedule: Schedule) -> None:
    steps = [0, 1, 5, 10, 99, 100, 101, 10_000, 10**9]
    in_order = {step: schedule(step) for step in steps}
    assert all(isinstance(value, float) for value in in_order.values())
    shuffled = random.Random(0).sample(steps * 3, k=3 * len(steps))
    assert all(schedule(step) == in_order[step] for step in shuffled)


def _check_clamped(schedule: Any) -> None:
    assert schedule(-7) == schedule(0)
    assert schedule(schedule.steps) == schedule(schedule.steps + 1) == schedule(10**12)


def _check_resumes(make: Callable[[], EarlyStoppingCriterion], metrics: dict[str, float]) -> None:
    """A criterion given the JSON of another's state answers as that one does, from there on."""
    whole = make()
    resumed = make()
    for step in range(1, 13):
        tracker = ScalarMeanTracker()
        tracker.add_scalars({name: value + 0.01 * (step % 3) for name, value in metrics.items()})
        answer = whole(step * 100, step * 150, tracker)
        assert isinstance(answer, bool)
        assert resumed(step * 100, step * 150, tracker) == answer
        fresh = make()
        fresh.load_state_dict(json.loads(json.dumps(whole.state_dict())))
        assert fresh.state_dict() == whole.state_dict()
        resumed = fresh


def _check_only_reads(criterion: EarlyStoppingCriterion, metrics: dict[str, float]) -> None:
    tracker = ScalarMeanTracker()
    tracker.add_scalars(metrics)
    before = tracker.state_dict()
    criterion(100, 100, tracker)
    assert tracker.state_dict() == before


def _check_refuses_foreign_state(criterion: EarlyStoppingCriterion) -> None:
    try:
        criterion.load_state_dict({"nobody remembers this": 1})
    except ValueError:
        return
    raise AssertionError(f"{criterion!r} took over a state that is not its own.")
