"""Tune's events as observers see them; real ones reach the observers in tests/tune/observers."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ray import cloudpickle, tune
from ray.tune.result import DONE, SHOULD_CHECKPOINT, TRAINING_ITERATION

from segue.record.row import TUNE_FIELDS
from segue.tune.ray_adapter import (
    RunningTrial,
    SweepScheduler,
    SweepSearcher,
    SweepStopper,
    TrialObserver,
)


class Observer(TrialObserver):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def started(self, number: int) -> None:
        self.events.append(("started", number))

    def reported(self, number: int, row: Mapping[str, Any]) -> None:
        self.events.append(("reported", number, row))

    def ended(self, number: int) -> None:
        self.events.append(("ended", number))

    def tick(self, running: Iterable[RunningTrial]) -> None:
        self.events.append(list(running))


def trial(number: int, status: str = "RUNNING", actor: str | None = "actor") -> Any:
    state = SimpleNamespace(ray_actor=actor)
    return SimpleNamespace(config={"trial": number}, status=status, temporary_state=state)


def test_an_observer_sees_tunes_events_with_the_number_of_the_trial() -> None:
    observer = Observer()
    observer.on_trial_start(1, [], trial(7))
    observer.on_trial_result(2, [], trial(7), {"return": 1.0})
    observer.on_trial_complete(3, [], trial(7))
    observer.on_trial_error(4, [], trial(8))
    assert observer.events == [
        ("started", 7),
        ("reported", 7, {"return": 1.0}),
        ("ended", 7),
        ("ended", 8),
    ]


def test_only_trials_with_a_worker_are_running() -> None:
    observer = Observer()
    observer.on_step_end(1, [trial(0), trial(1, "PENDING"), trial(2, actor=None)])
    assert observer.events == [[RunningTrial(0, "actor")]]


@pytest.mark.parametrize("base", [TrialObserver, SweepScheduler, SweepSearcher, SweepStopper])
def test_what_a_part_of_a_run_holds_is_never_pickled(base: type) -> None:
    part = base.__new__(base)
    part.lines = (line for line in "ab")
    assert vars(cloudpickle.loads(cloudpickle.dumps(part))) == {}


def test_the_fields_that_tune_adds_to_a_row_are_known() -> None:
    added = set(tune.Trainable().get_auto_filled_metrics())
    assert added | {DONE, SHOULD_CHECKPOINT, TRAINING_ITERATION} <= TUNE_FIELDS
