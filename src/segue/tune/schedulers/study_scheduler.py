"""A scheduler backed by a study, so that a resumed sweep has the rungs of an uninterrupted one."""

from optuna.trial import FrozenTrial, TrialState
from ray.tune.schedulers import TrialScheduler

from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.record.checkpoints import steps_of
from segue.record.files.results import read_results
from segue.record.row import ENV_STEPS, FORKED_FROM, STAGE, STAGES, Row
from segue.record.study.stages import Stages
from segue.tune.ray_adapter import SweepScheduler, TuneController, TuneTrial
from segue.tune.run.decisions import decide_exploit, decide_stage_end, has_exploit_at
from segue.tune.run.directory import RunDirectory
from segue.tune.schedulers.adopted import pass_adopted
from segue.tune.schedulers.choice import forget_stop
from segue.tune.schedulers.reasons import reason_of
from segue.tune.schedulers.replay import judged_rows
from segue.tune.schedulers.rules.pbt import StagedPBT
from segue.tune.schedulers.stage_ends import StageEnds
from segue.tune.schedulers.trial import NumberedTrial
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.freeze_thaw import FreezeThaw
from segue.tune.searcher.steering import Steering
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import (
    DISK_FULL,
    STORE_UNAVAILABLE,
    Verdicts,
    has_ended,
    has_failed,
)


class StudyScheduler(SweepScheduler):
    """Passes each report of a trial to an inner scheduler once, across all interruptions.

    Trials carry the numbers that the study gave them. When the first trial is added, the inner
    scheduler receives the history in the study and in the trials' own rows, so that its rungs are
    those of the sweep so far. Pauses are not granted: they would give a trial's resources away
    without benefit. Schedulers that may end a stage decide last (see `StageEnds`).
    """

    def __init__(
        self,
        inner: TrialScheduler,
        sweep: Sweep,
        corners: Corners,
        record: StudyRecord,
        run: RunDirectory,
        verdicts: Verdicts,
        budget: Budget,
        freeze_thaw: FreezeThaw | None = None,
        steering: Steering | None = None,
    ) -> None:
        super().__init__()
        self._inner = inner
        self._record = record
        self._verdicts = verdicts
        self._budget = budget
        self._run = run
        self._sweep = sweep
        self._stage_ends = StageEnds(sweep, corners, record)
        self._freeze_thaw = freeze_thaw
        self._steering = steering or Steering(record)
        self._is_rebuilt = False

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: object) -> bool:
        """Pass the sweep's metric and mode on, unless the inner scheduler was made with its own."""
        self._metric = metric
        has_own = getattr(self._inner, "_metric", None) is not None
        has_mode = getattr(self._inner, "_mode", None) is not None
        return bool(
            self._inner.set_search_properties(
                None if has_own else metric, None if has_mode else mode, **spec
            )
        )

    def on_trial_add(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Replay the study's history to the inner scheduler, then add this trial."""
        if not self._is_rebuilt:
            self._rebuild(tune_controller)
            self._is_rebuilt = True
        self._inner.on_trial_add(tune_controller, self._numbered(trial))

    def on_trial_result(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> str:
        """Return STOP for a failed trial or one that the inner scheduler stops, else CONTINUE."""
        numbered = self._numbered(trial)
        if has_failed(result):
            if result.get(DISK_FULL):
                self._verdicts.out_of_disk = str(result[DISK_FULL])
            if result.get(STORE_UNAVAILABLE):
                self._verdicts.store_unavailable = str(result[STORE_UNAVAILABLE])
            return str(TrialScheduler.STOP)
        self._steering.apply()
        # A resumed trial repeats reports, for which the study may hold a verdict.
        if self._record.has_verdict(numbered.number, result[ENV_STEPS]):
            return self._steered(numbered.number, result)
        row = result | self._standing(numbered.number, result)
        if result.get(FORKED_FROM) is not None:
            pass_adopted(self._inner, tune_controller, numbered, row, str(self._metric))
            return self._pause(numbered.number, result)
        decision = self._inner.on_trial_result(tune_controller, numbered, row)
        if has_ended(result):
            return str(TrialScheduler.CONTINUE)
        winner = self._budget.reached_by(self._record)
        if winner is not None:
            by_target = f"The sweep's target was reached by trial {winner}."
            return self._stop(numbered.number, by_target)
        by_person = self._steering.stop_reason(numbered.number)
        if by_person is not None:
            return self._stop(numbered.number, by_person)
        if decision == TrialScheduler.STOP:
            reason = reason_of(self._inner, numbered, str(self._metric), row)
            return self._stop(numbered.number, reason)
        self._end_stage(tune_controller, numbered, row)
        self._steering.end_stage(numbered.number, row)
        if self._freeze_thaw is not None and self._freeze_thaw.is_paused(numbered.number, row):
            self._verdicts.paused.add(numbered.number)
            return str(TrialScheduler.STOP)  # of Tune's trial; the study's can be resumed
        self._exploit(numbered, row)
        return self._pause(numbered.number, row)

    def on_trial_complete(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> None:
        """Notify the inner scheduler that the trial ended, or that it failed."""
        if has_failed(result):
            self._inner.on_trial_error(tune_controller, self._numbered(trial))
        else:
            self._inner.on_trial_complete(tune_controller, self._numbered(trial), result)

    def on_trial_error(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Notify the inner scheduler that the trial's worker was lost, and record the cause."""
        numbered = self._numbered(trial)
        self._verdicts.lost[numbered.number] = self._verdicts.hung.get(numbered.number) or _cause(
            trial
        )
        self._inner.on_trial_error(tune_controller, numbered)

    def on_trial_remove(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Notify the inner scheduler that the trial will not run."""
        self._inner.on_trial_remove(tune_controller, self._numbered(trial))

    def choose_trial_to_run(self, tune_controller: TuneController) -> TuneTrial | None:
        """Let the inner scheduler choose."""
        chosen: TuneTrial | None = self._inner.choose_trial_to_run(tune_controller)
        return chosen

    def debug_string(self) -> str:
        """Return the inner scheduler's description of itself."""
        return str(self._inner.debug_string())

    def _stop(self, number: int, reason: str) -> str:
        self._verdicts.stopped[number] = reason
        return str(TrialScheduler.STOP)

    def _steered(self, number: int, row: Row) -> str:
        """Return the decision on a report for which the study holds a verdict."""
        if has_ended(row):
            return str(TrialScheduler.CONTINUE)
        if self._steering.is_repeated(number, row):
            by_person = self._steering.stop_reason(number)
            if by_person is not None:
                return self._stop(number, by_person)
            self._steering.end_stage(number, row)
        return self._pause(number, row)

    def _pause(self, number: int, row: Row) -> str:
        """Return STOP, of Tune's trial, if the sweep is paused: the study's is resumed later."""
        if not self._steering.pause(number, row, row[self._sweep.metric]):
            return str(TrialScheduler.CONTINUE)
        self._verdicts.paused.add(number)
        return str(TrialScheduler.STOP)

    def _end_stage(self, tune_controller: TuneController, trial: NumberedTrial, row: Row) -> None:
        reason = self._stage_ends.evaluate(tune_controller, trial, row)
        if reason:
            self._record.record_stage_end(trial.number, row[STAGE], reason)
            decide_stage_end(self._run.decisions(trial.number), row[STAGE], row[ENV_STEPS], reason)
            self._run.share()

    def _exploit(self, trial: NumberedTrial, row: Row) -> None:
        """Let the trial continue from another one's checkpoint, if the scheduler is `StagedPBT`."""
        path = self._run.decisions(trial.number)
        if not isinstance(self._inner, StagedPBT) or has_exploit_at(path, row[ENV_STEPS]):
            return
        for donor in map(int, self._inner.donors(trial.trial_id, self._sweep.seed)):
            checkpoint = self._run.newest_checkpoint(donor)
            known = self._record.trial(donor)
            least = max(row[ENV_STEPS], known.last_step or 0)
            if (
                known.state != TrialState.RUNNING
                or checkpoint is None
                or steps_of(checkpoint) < least
            ):
                continue
            changed = self._inner.explored(
                self._sweep, self._record.recorded(donor), trial.trial_id, row, donor
            )
            if changed is not None:
                self._record.record_exploit(trial.number, row[ENV_STEPS], donor, changed)
                decide_exploit(path, row[ENV_STEPS], donor, checkpoint, changed)
                self._run.share()
                return

    def _standing(self, number: int, result: Row) -> Row:
        """Return a report's position in its stage, derived from the study.

        Replayed reports have the same source, so that both are equal.
        """
        stages = (self._record.stages(number) or Stages(result[STAGES])).with_report(result)
        self._record.record_stages(number, stages)
        return stages.standing(result[ENV_STEPS])

    def _rebuild(self, tune_controller: TuneController) -> None:
        # Running trials come first: otherwise a rule that compares a trial with earlier ones could
        # stop a running one for results that were reported after its own.
        reported = [trial for trial in self._record.trials if trial.intermediate_values]
        for trial in sorted(reported, key=lambda trial: trial.state != TrialState.RUNNING):
            self._replay(tune_controller, trial)

    def _rows(self, trial: FrozenTrial) -> list[Row]:
        """Return the reports of a trial for which the study holds a verdict.

        What the study does not record comes from the trial's own rows.
        """
        results = read_results(self._run.trial(trial.number).results, self._sweep.metric)
        return judged_rows(trial, results.rows, str(self._metric))

    def _replay(self, tune_controller: TuneController, trial: FrozenTrial) -> None:
        numbered = NumberedTrial(trial.number, {})
        rows = self._rows(trial)
        self._inner.on_trial_add(tune_controller, numbered)
        for row in rows:
            if row.get(FORKED_FROM) is not None:
                pass_adopted(self._inner, tune_controller, numbered, row, str(self._metric))
                continue
            self._inner.on_trial_result(tune_controller, numbered, row)
            forget_stop(self._inner, numbered)
            self._stage_ends.evaluate(tune_controller, numbered, row)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            self._inner.on_trial_complete(tune_controller, numbered, rows[-1])
        else:
            self._inner.on_trial_error(tune_controller, numbered)

    def _numbered(self, trial: TuneTrial) -> NumberedTrial:
        number = trial.config["trial"]
        return NumberedTrial(number, self._record.parameters(number))


def _cause(trial: TuneTrial) -> str:
    error = trial.get_error()
    lines = str(error).strip().splitlines() if error else []
    return f"Its worker was lost: {lines[0]}" if lines else "Its worker was lost."
