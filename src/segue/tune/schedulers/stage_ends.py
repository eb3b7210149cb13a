"""Schedulers that end stages, and see each report of the trials in a stage once."""

from ray.tune.schedulers import TrialScheduler

from segue.plan.criteria.scheduler import SchedulerCriterion, scheduler_criteria
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.stages import PlannedStage
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import canonical_json, describe
from segue.record.row import STAGE, STAGE_DONE, STAGE_STEPS, STAGES, Row
from segue.tune.ray_adapter import TuneController
from segue.tune.schedulers.choice import forget_stop, make_stage_scheduler
from segue.tune.schedulers.reasons import comparison, scheduler_name
from segue.tune.schedulers.trial import NumberedTrial
from segue.tune.study.record import StudyRecord


class StageEnds:
    """The schedulers of the stages that a `SchedulerCriterion` may end, one for all trials there.

    Stages are the same if their indices, the numbers of stages of their pipelines and their
    criteria are.
    """

    def __init__(self, sweep: Sweep, corners: Corners, record: StudyRecord) -> None:
        self._sweep = sweep
        self._corners = corners
        self._record = record
        self._schedulers: dict[str, TrialScheduler] = {}
        self._known: set[tuple[str, int]] = set()
        self._plans: dict[int, list[PlannedStage]] = {}

    def evaluate(
        self, tune_controller: TuneController, trial: NumberedTrial, row: Row
    ) -> str | None:
        """Pass a report to the schedulers of its stage.

        Return why the stage has to end, or None if it continues.
        """
        if row[STAGE_DONE]:
            return None
        reasons = [
            reason
            for criterion in self._criteria(trial.number, row[STAGE])
            if (reason := self._reason(tune_controller, trial, row, criterion))
        ]
        return reasons[0] if reasons else None

    def _criteria(self, number: int, stage: int) -> list[SchedulerCriterion]:
        if number not in self._plans:
            self._plans[number] = list(self._sweep.plan_at(self._record.parameters(number)))
        return list(scheduler_criteria(self._plans[number][stage].new_criterion()))

    def _reason(
        self,
        tune_controller: TuneController,
        trial: NumberedTrial,
        row: Row,
        criterion: SchedulerCriterion,
    ) -> str | None:
        key = canonical_json([row[STAGE], row[STAGES], describe(criterion)])
        if key not in self._schedulers:
            self._schedulers[key] = make_stage_scheduler(
                self._sweep, self._corners, criterion, row[STAGE]
            )
            self._schedulers[key].set_search_properties(self._sweep.metric, self._sweep.mode)
        scheduler = self._schedulers[key]
        if (key, trial.number) not in self._known:
            self._known.add((key, trial.number))
            scheduler.on_trial_add(tune_controller, trial)
        if scheduler.on_trial_result(tune_controller, trial, dict(row)) != TrialScheduler.STOP:
            return None
        compared = comparison(scheduler, trial)
        forget_stop(scheduler, trial)  # it may report once more before its stage has ended
        metric = self._sweep.metric
        value = row[self._sweep.metric]
        return (
            f"{scheduler_name(scheduler)}: {metric} {value:.4g} at {row[STAGE_STEPS]:,} steps of"
            f" the stage{compared}"
        )
