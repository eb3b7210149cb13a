"""The bases of what Tune runs with."""

import pytest
from ray import cloudpickle, tune
from ray.tune.result import DONE, SHOULD_CHECKPOINT, TRAINING_ITERATION

from segue.record.row import TUNE_FIELDS
from segue.tune.ray_adapter import (
    LoopCallback,
    SweepScheduler,
    SweepSearcher,
    SweepStopper,
    TrialObserver,
    WorkerScheduler,
)


@pytest.mark.parametrize(
    "base",
    [WorkerScheduler, LoopCallback, TrialObserver, SweepScheduler, SweepSearcher, SweepStopper],
)
def test_what_a_part_of_a_run_holds_is_never_pickled(base: type) -> None:
    part = base.__new__(base)
    part.lines = (line for line in "ab")
    assert vars(cloudpickle.loads(cloudpickle.dumps(part))) == {}


def test_the_fields_that_tune_adds_to_a_row_are_known() -> None:
    added = set(tune.Trainable().get_auto_filled_metrics())
    assert added | {DONE, SHOULD_CHECKPOINT, TRAINING_ITERATION} <= TUNE_FIELDS
