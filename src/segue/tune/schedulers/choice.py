"""Which scheduler stops the trials of a sweep, and which ones end its stages."""

from copy import deepcopy

from ray.tune.schedulers import FIFOScheduler, MedianStoppingRule, TrialScheduler

from segue.plan.criteria.scheduler import SchedulerCriterion, scheduler_criteria
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import canonical_json, describe
from segue.record.row import ENV_STEPS, STAGE_STEPS
from segue.tune.schedulers.criterion import CriterionScheduler
from segue.tune.schedulers.named import NAMED, asha_over, first_point
from segue.tune.schedulers.refusals import check_population, check_scheduler
from segue.tune.schedulers.rules.pbt import StagedPBT
from segue.tune.schedulers.trial import NumberedTrial


def make_scheduler(sweep: Sweep, corners: Corners | None = None) -> TrialScheduler:
    """Return a new scheduler, or a copy of the sweep's own, over environment steps.

    `segue.tune.schedulers.named` describes the named ones. `corners` are the sweep's, built here by
    default. Raises ValueError for a scheduler that would count something else, stop trials before
    the pipeline's end, or change trials rather than stop them.
    """
    if sweep.scheduler is None:
        return FIFOScheduler()
    corners = corners or Corners.of(sweep)
    if isinstance(sweep.scheduler, str):
        return NAMED[sweep.scheduler](sweep, corners)
    if isinstance(sweep.scheduler, StagedPBT):
        check_population(sweep, corners)
    check_scheduler(_innermost(sweep.scheduler), ENV_STEPS, corners.longest_pipeline, sweep)
    return deepcopy(sweep.scheduler)


def changes_trials(sweep: Sweep) -> bool:
    """Return whether trials end with other parameters than they started with."""
    return sweep.scheduler == "pbt" or isinstance(sweep.scheduler, StagedPBT)


def make_stage_scheduler(
    sweep: Sweep, corners: Corners, criterion: SchedulerCriterion, stage: int
) -> TrialScheduler:
    """Return a new scheduler, or a copy of the criterion's own, that may end the stage of an index.

    It counts the steps since a trial entered the stage. By name, it evaluates a trial first after
    1/8 of the stage's longest form, but not before its first evaluation. Raise ValueError for a
    scheduler that cannot work.
    """
    longest = corners.longest_form(stage)
    first = first_point(corners, longest)
    if criterion.scheduler == "asha":
        return asha_over(STAGE_STEPS, longest, first)
    if criterion.scheduler == "median":
        return MedianStoppingRule(STAGE_STEPS, grace_period=first)
    check_scheduler(criterion.scheduler, STAGE_STEPS, longest, sweep)
    return deepcopy(criterion.scheduler)


def check_stage_schedulers(sweep: Sweep, corners: Corners) -> None:
    """Raise ValueError, as `make_stage_scheduler` does, if a stage's scheduler cannot work."""
    found = {
        (index, canonical_json(describe(criterion))): criterion
        for plan in corners.plans
        for index, stage in enumerate(plan)
        for criterion in scheduler_criteria(stage.new_criterion())
    }
    for (index, _), criterion in found.items():
        make_stage_scheduler(sweep, corners, criterion, index)


def forget_stop(scheduler: TrialScheduler, trial: NumberedTrial) -> None:
    """Let a scheduler accept further reports of a trial for which it returned STOP without effect.

    MedianStoppingRule otherwise ignores the trial, or fails.
    """
    getattr(_innermost(scheduler), "_stopped_trials", set()).discard(trial)


def _innermost(scheduler: TrialScheduler) -> TrialScheduler:
    return scheduler.inner if isinstance(scheduler, CriterionScheduler) else scheduler
