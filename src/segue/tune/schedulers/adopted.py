"""Reports that a trial has adopted from another one, as schedulers see them."""

import math

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from segue.record.row import FORKED_FROM, Row
from segue.tune.ray_adapter import TuneController
from segue.tune.schedulers.choice import forget_stop
from segue.tune.schedulers.criterion import CriterionScheduler
from segue.tune.schedulers.rules.stage_asha import StageASHA
from segue.tune.schedulers.trial import NumberedTrial


def pass_adopted(
    scheduler: TrialScheduler,
    controller: TuneController,
    trial: NumberedTrial,
    row: Row,
    metric: str,
) -> None:
    """Pass a report that a trial has adopted to a scheduler, which cannot stop the trial at it.

    The trial that trained it was not stopped either. A rung of ASHA, HyperBand or `StageASHA`
    counts its value once; other schedulers see the report of another trial.
    """
    if isinstance(scheduler, StageASHA):
        return  # compares trials within stages, and this one is over
    if isinstance(scheduler, CriterionScheduler):
        scheduler.follow(trial.trial_id, row)
        pass_adopted(scheduler.inner, controller, trial, row, metric)
        return
    if _is_counted(scheduler, trial, str(row[FORKED_FROM])):
        # Marks the rung as passed, and is not among the values of which Ray takes a percentile.
        row = row | {metric: math.nan}
    scheduler.on_trial_result(controller, trial, row)
    forget_stop(scheduler, trial)


def _is_counted(scheduler: TrialScheduler, trial: NumberedTrial, donor: str) -> bool:
    """Return whether the rungs at which a trial is compared have the value of its donor."""
    if not isinstance(scheduler, AsyncHyperBandScheduler):
        return False
    bracket = scheduler._trial_info[trial.trial_id]
    return any(donor in recorded for _, recorded in bracket._rungs)
