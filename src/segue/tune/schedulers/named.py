"""The schedulers that a sweep can name.

They evaluate a trial first after 1/8 of the longest pipeline ("stage_asha": of the longest stage),
but not before its first evaluation.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule, TrialScheduler

from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.record.row import ENV_STEPS
from segue.tune.schedulers.refusals import check_population
from segue.tune.schedulers.rules.hyperband import NumberedHyperBand
from segue.tune.schedulers.rules.pbt import StagedPBT
from segue.tune.schedulers.rules.stage_asha import StageASHA

REDUCTION_FACTOR = 3
BRACKETS = 3
_FIRST_RUNG = 8  # one part in so many of the steps


def asha(sweep: Sweep, corners: Corners) -> TrialScheduler:
    """Return ASHA: about the best third continues, again after three times as many steps, etc."""
    longest = corners.longest_pipeline
    return asha_over(ENV_STEPS, longest, first_point(corners, longest))


def stage_asha(sweep: Sweep, corners: Corners) -> TrialScheduler:
    """Return ASHA within each stage, and at the ends of stages (see `StageASHA`)."""
    return StageASHA(first_point(corners, corners.longest_stage), REDUCTION_FACTOR)


def hyperband(sweep: Sweep, corners: Corners) -> TrialScheduler:
    """Return ASHA that evaluates some trials later than others (see `NumberedHyperBand`)."""
    longest = corners.longest_pipeline
    first = first_point(corners, longest)
    rungs = 1 + int(math.log(longest / first, REDUCTION_FACTOR))
    return NumberedHyperBand(
        sweep.seed,
        ENV_STEPS,
        max_t=longest,
        grace_period=first,
        reduction_factor=REDUCTION_FACTOR,
        brackets=min(BRACKETS, rungs),
    )


def median(sweep: Sweep, corners: Corners) -> TrialScheduler:
    """Return the rule that stops a trial whose best value is below the median.

    The median is that of the other trials' means so far.
    """
    first = first_point(corners, corners.longest_pipeline)
    return MedianStoppingRule(ENV_STEPS, grace_period=first)


def pbt(sweep: Sweep, corners: Corners) -> TrialScheduler:
    """Return population-based training, which stops no trial (see `StagedPBT`).

    The worst trials resume from the checkpoints of the best. Raise ValueError for a sweep whose
    parameters cannot be changed, or whose trials write too few checkpoints.
    """
    check_population(sweep, corners)
    shortest = min(len(pipeline) for pipeline in corners.pipelines)
    explore: Literal["later", "current"] = "later" if shortest > 1 else "current"
    return StagedPBT(first_point(corners, corners.longest_pipeline), explore=explore)


NAMED: Mapping[str, Callable[[Sweep, Corners], TrialScheduler]] = {
    "asha": asha,
    "stage_asha": stage_asha,
    "hyperband": hyperband,
    "median": median,
    "pbt": pbt,
}


def asha_over(time: str, longest: int, first: int) -> TrialScheduler:
    """Return ASHA over the entry `time` of reports, from `first` to `longest`."""
    # stop_last_trials=False: a trial ends when its pipeline does, and each trial counts on one rung
    # per report.
    return ASHAScheduler(
        time,
        max_t=longest,
        grace_period=first,
        reduction_factor=REDUCTION_FACTOR,
        stop_last_trials=False,
    )


def first_point(corners: Corners, steps: int) -> int:
    """Return after how many environment steps, of `steps`, a trial is first evaluated."""
    return max(steps // _FIRST_RUNG, min(corners.longest_interval, steps), 1)
