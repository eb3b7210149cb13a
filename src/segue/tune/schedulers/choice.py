"""Which scheduler judges the trials of a sweep."""

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Literal

from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    PopulationBasedTrainingReplay,
    ResourceChangingScheduler,
    TrialScheduler,
)

from segue.plan.criteria.scheduler import SchedulerCriterion, scheduler_criteria
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import canonical_json, describe
from segue.tune.schedulers.criterion import CriterionScheduler
from segue.tune.schedulers.hyperband import NumberedHyperBand
from segue.tune.schedulers.pbt import StagedPBT
from segue.tune.schedulers.stage_asha import StageASHA

TIME, STAGE_TIME = "env_steps", "stage_steps"
_REFUSED: Mapping[type, str] = {
    HyperBandScheduler: (
        "pauses trials until their whole bracket has come, and hangs where workers are reused: use "
        "'hyperband', which waits for nobody."
    ),
    PopulationBasedTraining: (
        "changes parameters of stages that a trial has behind it, and keeps no record of it in "
        "the study: use 'pbt', which knows stages."
    ),
    PopulationBasedTrainingReplay: (
        "replays a schedule that no study recorded: use the lineage of a trial under 'pbt'."
    ),
    ResourceChangingScheduler: (
        "cannot work with workers that are reused: give each trial its resources in the sweep."
    ),
}
_REDUCTION_FACTOR, _BRACKETS = 3, 3
_FIRST_RUNG = 8  # of the pipeline's steps, one part in so many


def make_scheduler(sweep: Sweep) -> TrialScheduler:
    """The sweep's scheduler, newly made or copied, over environment steps.

    By name, they first judge after 1/8 of the longest pipeline, for "stage_asha" of the longest
    stage, but not before the first evaluation:

    - "asha": lets about the best third go on, then again after three times as many steps, and so
      on;
    - "stage_asha": the same within each stage, and at the ends of stages (see `StageASHA`);
    - "hyperband": as "asha", but some trials are first judged later (see `NumberedHyperBand`);
    - "median": stops a trial whose best value is below the median of the others' means so far;
    - "pbt": stops none, but lets the worst go on from the checkpoints of the best (see
      `StagedPBT`).

    Raises ValueError for a scheduler that would count something else, stop trials at a length below
    the pipeline's, or change trials rather than stop them.
    """
    if sweep.scheduler is None:
        return FIFOScheduler()
    if isinstance(sweep.scheduler, str):
        return _NAMED[sweep.scheduler](sweep)
    if isinstance(sweep.scheduler, StagedPBT):
        _check_population(sweep)
    judge = (
        sweep.scheduler.inner
        if isinstance(sweep.scheduler, CriterionScheduler)
        else sweep.scheduler
    )
    _check(judge, TIME, longest_pipeline(sweep))
    _check_metric(judge, sweep)
    return deepcopy(sweep.scheduler)


def make_stage_scheduler(sweep: Sweep, criterion: SchedulerCriterion, stage: int) -> TrialScheduler:
    """The scheduler that may end a stage, newly made or copied, over the steps since a trial
    entered it.

    By name, it first judges after 1/8 of the stage's longest form, but not before the first
    evaluation. Raises ValueError for a scheduler that cannot work.
    """
    pipelines = [_built(sweep, corner) for corner in sweep.corners()]
    longest = max(
        pipeline.pipeline_stages[stage].step_limit
        for pipeline in pipelines
        if len(pipeline) > stage
    )
    first = _first_point(sweep, longest)
    if criterion.scheduler == "asha":
        return _asha_over(STAGE_TIME, longest, first)
    if criterion.scheduler == "median":
        return MedianStoppingRule(STAGE_TIME, grace_period=first)
    _check(criterion.scheduler, STAGE_TIME, longest)
    _check_metric(criterion.scheduler, sweep)
    return deepcopy(criterion.scheduler)


def forgive(scheduler: TrialScheduler, trial: Any) -> None:
    """Let a trial go on for which a scheduler has just said STOP, but which was not stopped.

    MedianStoppingRule otherwise does not look at it any more, or fails.
    """
    judge = scheduler.inner if isinstance(scheduler, CriterionScheduler) else scheduler
    getattr(judge, "_stopped_trials", set()).discard(trial)


def check_stage_schedulers(sweep: Sweep) -> None:
    """Raise ValueError, as `make_stage_scheduler` does, for a stage's scheduler that cannot work."""
    found = {
        (index, canonical_json(describe(criterion))): criterion
        for corner in sweep.corners()
        for index, stage in enumerate(_built(sweep, corner))
        for criterion in scheduler_criteria(stage.new_criterion())
    }
    for (index, _), criterion in found.items():
        make_stage_scheduler(sweep, criterion, index)


def longest_pipeline(sweep: Sweep) -> int:
    """The most environment steps of a member that a pipeline takes at a corner of the space.

    Raises ValueError, with the corner, where the pipeline function fails.
    """
    return max(_built(sweep, corner).total_steps for corner in sweep.corners())


def longest_stage(sweep: Sweep) -> int:
    """The most environment steps of a member that a stage takes at a corner of the space.

    Raises ValueError likewise.
    """
    return max(stage.step_limit for corner in sweep.corners() for stage in _built(sweep, corner))


def _asha(sweep: Sweep) -> TrialScheduler:
    longest = longest_pipeline(sweep)
    return _asha_over(TIME, longest, _first_point(sweep, longest))


def _asha_over(time: str, longest: int, first: int) -> TrialScheduler:
    # stop_last_trials=False: a trial ends when its pipeline does, and each trial counts on one rung
    # per report.
    return ASHAScheduler(
        time,
        max_t=longest,
        grace_period=first,
        reduction_factor=_REDUCTION_FACTOR,
        stop_last_trials=False,
    )


def _stage_asha(sweep: Sweep) -> TrialScheduler:
    return StageASHA(_first_point(sweep, longest_stage(sweep)), _REDUCTION_FACTOR)


def _hyperband(sweep: Sweep) -> TrialScheduler:
    longest = longest_pipeline(sweep)
    first = _first_point(sweep, longest)
    rungs = 1 + int(math.log(longest / first, _REDUCTION_FACTOR))
    return NumberedHyperBand(
        sweep.seed,
        TIME,
        max_t=longest,
        grace_period=first,
        reduction_factor=_REDUCTION_FACTOR,
        brackets=min(_BRACKETS, rungs),
    )


def _median(sweep: Sweep) -> TrialScheduler:
    return MedianStoppingRule(TIME, grace_period=_first_point(sweep, longest_pipeline(sweep)))


def _pbt(sweep: Sweep) -> TrialScheduler:
    _check_population(sweep)
    pipelines = [_built(sweep, corner) for corner in sweep.corners()]
    explore: Literal["later", "current"] = "later" if min(map(len, pipelines)) > 1 else "current"
    return StagedPBT(_first_point(sweep, longest_pipeline(sweep)), explore=explore)


def _check_population(sweep: Sweep) -> None:
    if callable(sweep.space):
        raise ValueError(
            "Population-based training changes parameters by their domains: make the space a"
            " dictionary."
        )
    if sweep.search not in ("tpe", "random", "qmc") and sweep.grid() is None:
        raise ValueError(
            f"The search {sweep.search!r} would learn from trials whose parameters change: use"
            " 'random'."
        )
    for corner in sweep.corners():
        pipeline = _built(sweep, corner)
        saves = [pipeline.settings(stage).save_interval for stage in range(len(pipeline))]
        if any(
            interval is None or not 0 < interval <= sweep.evaluation.every for interval in saves
        ):
            raise ValueError(
                "Population-based training goes on from checkpoints, but a stage has"
                f" save_interval={saves}: make it at most {sweep.evaluation.every}, the steps"
                " between evaluations."
            )


_NAMED: Mapping[str, Callable[[Sweep], TrialScheduler]] = {
    "asha": _asha,
    "stage_asha": _stage_asha,
    "hyperband": _hyperband,
    "median": _median,
    "pbt": _pbt,
}


def _first_point(sweep: Sweep, steps: int) -> int:
    return max(steps // _FIRST_RUNG, min(sweep.evaluation.every, steps), 1)


def _built(sweep: Sweep, corner: dict[str, Any]) -> TrainingPipeline:
    try:
        return sweep.pipeline(**corner)
    except Exception as error:
        raise ValueError(
            f"The pipeline function fails at {corner}: {type(error).__name__}: {error}"
        ) from error


def _check(scheduler: Any, time: str, longest: int) -> None:
    name = type(scheduler).__name__
    for kind, reason in _REFUSED.items():
        if isinstance(scheduler, kind):
            raise ValueError(f"The scheduler {name} {reason}")
    if getattr(scheduler, "_time_attr", time) != time:
        raise ValueError(
            f"The scheduler {name} counts {scheduler._time_attr!r}: give it time_attr={time!r}."
        )
    if getattr(scheduler, "_max_t", longest) < longest:
        raise ValueError(
            f"The scheduler {name} ends trials after {scheduler._max_t:,} steps, but pipelines of"
            f" this sweep take {longest:,}: give it max_t={longest}."
        )
    if len(getattr(scheduler, "_brackets", ())) > 1:
        raise ValueError(
            f"The scheduler {name} draws one of {len(scheduler._brackets)} brackets for each trial,"
            " and would draw others when the sweep is continued: give it brackets=1."
        )


def _check_metric(scheduler: Any, sweep: Sweep) -> None:
    name = type(scheduler).__name__
    for kind in ("metric", "mode"):
        if getattr(scheduler, f"_{kind}", None) not in (None, getattr(sweep, kind)):
            raise ValueError(
                f"The scheduler {name} has a {kind} of its own: leave it out, the sweep's is used."
            )
