"""Schedulers that end stages: they judge the trials in one stage, each report once."""

from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import TrialScheduler

from segue.plan.criteria.scheduler import SchedulerCriterion, scheduler_criteria
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import canonical_json, describe
from segue.tune.schedulers.choice import STAGE_TIME, forgive, make_stage_scheduler
from segue.tune.schedulers.trial import NumberedTrial
from segue.tune.study.record import StudyRecord


class StageEnds:
    """For each stage that a `SchedulerCriterion` may end, the scheduler that all trials in that
    stage share.

    Stages are the same when their places, the numbers of stages and their criteria are.
    """

    def __init__(self, sweep: Sweep, record: StudyRecord) -> None:
        self._sweep, self._record = sweep, record
        self._schedulers: dict[str, TrialScheduler] = {}
        self._known: set[tuple[str, int]] = set()
        self._pipelines: dict[int, TrainingPipeline] = {}

    def judge(
        self, tune_controller: Any, trial: NumberedTrial, row: Mapping[str, Any]
    ) -> str | None:
        """Show a report to its stage's scheduler; why the stage is to end, or None where it is to
        go on.
        """
        if row["stage_done"]:
            return None
        reasons = [
            reason
            for criterion in self._criteria(trial.number, row["stage"])
            if (reason := self._ask(tune_controller, trial, row, criterion))
        ]
        return reasons[0] if reasons else None

    def _criteria(self, number: int, stage: int) -> list[SchedulerCriterion]:
        if number not in self._pipelines:
            self._pipelines[number] = self._sweep.pipeline(**self._record.parameters(number))
        return list(
            scheduler_criteria(self._pipelines[number].pipeline_stages[stage].new_criterion())
        )

    def _ask(
        self,
        tune_controller: Any,
        trial: NumberedTrial,
        row: Mapping[str, Any],
        criterion: SchedulerCriterion,
    ) -> str | None:
        key = canonical_json([row["stage"], row["stages"], describe(criterion)])
        if key not in self._schedulers:
            self._schedulers[key] = make_stage_scheduler(self._sweep, criterion, row["stage"])
            self._schedulers[key].set_search_properties(self._sweep.metric, self._sweep.mode)
        scheduler = self._schedulers[key]
        if (key, trial.number) not in self._known:
            self._known.add((key, trial.number))
            scheduler.on_trial_add(tune_controller, trial)
        if scheduler.on_trial_result(tune_controller, trial, dict(row)) != TrialScheduler.STOP:
            return None
        forgive(scheduler, trial)  # it may report once more before its stage has ended
        metric, value = self._sweep.metric, row[self._sweep.metric]
        return (
            f"{type(scheduler).__name__}: {metric} {value:.4g} at {row[STAGE_TIME]:,} steps of the"
            " stage"
        )
