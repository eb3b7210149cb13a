"""Why a scheduler stops a trial, in a sentence: the metric, the cutoff and the rank."""

from statistics import median
from typing import Any

import numpy as np
from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler

from segue.record.row import ENV_STEPS, Row
from segue.tune.ray_adapter import TuneTrial
from segue.tune.schedulers.rules.hyperband import NumberedHyperBand
from segue.tune.schedulers.rules.stage_asha import StageASHA
from segue.tune.schedulers.trial import NumberedTrial

_NAMES = {
    AsyncHyperBandScheduler: "asha",
    NumberedHyperBand: "hyperband",
    MedianStoppingRule: "median",
    StageASHA: "stage_asha",
}


def reason_of(
    scheduler: TrialScheduler, trial: TuneTrial | NumberedTrial, metric: str, row: Row
) -> str:
    """Return why the scheduler has just stopped a trial at this report.

    It is the scheduler's own reason if it gives one.
    """
    own = getattr(scheduler, "reason", None)
    if own is not None:
        return f"{scheduler_name(scheduler)}: {own(trial.trial_id)}"
    value = f"{metric} {row[metric]:.4g} after {row[ENV_STEPS]:,} steps"
    return f"{scheduler_name(scheduler)}: {value}{comparison(scheduler, trial)}"


def scheduler_name(scheduler: TrialScheduler) -> str:
    """Return the name by which a sweep refers to the scheduler, or else that of its class."""
    return _NAMES.get(type(scheduler), type(scheduler).__name__)


def comparison(scheduler: TrialScheduler, trial: TuneTrial | NumberedTrial) -> str:
    """Return with what the scheduler compared a trial that it has just stopped.

    It is a clause, and empty for schedulers other than Ray's ASHA, HyperBand and median.
    """
    if isinstance(scheduler, AsyncHyperBandScheduler):
        return _against_rung(scheduler, trial)
    if isinstance(scheduler, MedianStoppingRule):
        return _against_median(scheduler, trial)
    return ""


def _against_rung(scheduler: Any, trial: TuneTrial | NumberedTrial) -> str:
    """Return the cutoff of the rung at which the trial was recorded last, and its rank there."""
    bracket = scheduler._trial_info[trial.trial_id]
    rungs = (recorded for _, recorded in bracket._rungs if trial.trial_id in recorded)
    recorded = next(rungs, None)  # the latest rung comes first
    if not recorded:
        return ""
    own = recorded[trial.trial_id]
    others = {other: value for other, value in recorded.items() if other != trial.trial_id}
    cutoff = bracket.cutoff(others)
    if cutoff is None:
        return ""
    rank = 1 + sum(value > own for value in others.values())
    side = "below" if scheduler._metric_op > 0 else "above"
    shown = f"{scheduler._metric_op * cutoff:.4g}"
    return f" is {side} the cutoff {shown}, number {rank} of {len(recorded)}"


def _against_median(scheduler: Any, trial: TuneTrial | NumberedTrial) -> str:
    """Return the trial's best value, and the median of the others' means so far."""
    time = scheduler._results[trial][-1][scheduler._time_attr]
    others = (other for other in scheduler._trials_beyond_time(time) if other != trial)
    means = [scheduler._running_mean(other, time) for other in others]
    found = [float(mean) for mean in means if np.isfinite(mean)]
    if not found:
        return ""
    best = scheduler._best_result(trial)
    side = "below" if scheduler._mode == "max" else "above"
    return f", at best {best:.4g}, is {side} the median {median(found):.4g} of {len(found)} others"
