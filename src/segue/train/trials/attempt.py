"""One attempt at a trial in its directory, from its newest checkpoint until it ends or leaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from segue.base.lock import ORPHAN_SECONDS, locked
from segue.plan.decision import Decision, Exploit
from segue.plan.mode import sign_of
from segue.record.layout import TrialLayout
from segue.record.row import ENV_STEPS, ReportRow, Row, replayed
from segue.train.checks import check_metric
from segue.train.packs.interval import AdvanceResult
from segue.train.trainer import Trainer
from segue.train.trials.files import TrialFiles
from segue.train.trials.log import TrialLog, mean, mean_of_flat
from segue.train.trials.prefixes import ALONE, SharedTraining, begin_with_prefix, forked_rows
from segue.train.trials.spec import TrialSpec
from segue.train.trials.values import aggregated, at_end

ReportCallback = Callable[[Row], Decision | None]


@dataclass(frozen=True)
class TrialStart:
    """How a trial is started; `run_trial` and `Trials.begin` describe the arguments."""

    spec: TrialSpec
    directory: Path
    report: ReportCallback
    exploit: Exploit | None
    accept_changes: bool
    shared: SharedTraining = ALONE


@dataclass(eq=False)
class Attempt:
    """One attempt at a trial, from its newest checkpoint until it ends or leaves."""

    start: TrialStart
    trainer: Trainer
    files: TrialFiles
    log: TrialLog
    row: Row | None  # the last one that was reported
    best: float  # of the metric so far, higher is better
    resources: ExitStack
    apart: tuple[bool, ...] = ()
    """The halves in which the trial has been since an exception in a shared pack."""
    failure: Exception | None = field(default=None, init=False)

    @classmethod
    def begin(cls, start: TrialStart, apart: tuple[bool, ...] = ()) -> Attempt:
        """Lock the directory, continue from the newest checkpoint, and report its row once more."""
        spec = start.spec
        generation = start.exploit.generation if start.exploit else 0
        start.directory.mkdir(parents=True, exist_ok=True)
        files = TrialFiles(start.directory, generation)
        with ExitStack() as stack:
            lock = TrialLayout(start.directory).lock
            stack.enter_context(locked(lock, wait_seconds=ORPHAN_SECONDS))
            if start.shared.prefix is not None:
                begin_with_prefix(spec, files, start.shared.prefix)
            trainer = stack.enter_context(closing(spec.new_trainer()))
            check_metric(spec.metric, trainer.evaluator.world.metrics)
            row = resume(start, files, trainer)
            best = -math.inf if row is None else files.best_value(spec.metric, spec.mode)
            if row is not None:
                _report_adopted(start, files, row)
                apply_decision(start.report(replayed(row)), trainer, generation)
            log = stack.enter_context(
                TrialLog(
                    start.directory,
                    trainer.env_steps,
                    trainer.total_env_steps,
                    spec.pipeline.should_log,
                    len(spec.seeds) if spec.log_seeds else 0,
                )
            )
            return cls(start, trainer, files, log, row, best, stack.pop_all(), apart)

    def again(self, half: bool) -> Attempt:
        """Return another attempt in place of this one, which is closed, in a half of its own."""
        self.close()
        return Attempt.begin(self.start, (*self.apart, half))

    def advanced(self, result: AdvanceResult) -> None:
        """Check and log what an advance of the trainer has brought."""
        check_members(self.trainer)
        self.log.train(result.logged, self.trainer.env_steps, self.trainer.total_env_steps)

    def record(self, result: AdvanceResult) -> None:
        """Record and report what is due, once the members have been evaluated for it."""
        trainer = self.trainer
        spec = self.start.spec
        if result.report_due:
            self.log.valid(trainer.evaluated, trainer.env_steps, trainer.total_env_steps)
            row = result_row(
                trainer, spec.metric, spec.aggregate, result.stage_ended, self.files.generation
            )
            self.row = at_end(row, self.files.results, spec.evaluation, spec.metric, spec.aggregate)
            self.files.append(self.row)
            self._save_if_best(row)
        if result.save_due or (result.report_due and self._saves_at(result)):
            self.save()
        elif result.report_due:
            self.log.flush()
        if result.report_due and self.row is not None:
            apply_decision(self.start.report(self.row), trainer, self.files.generation)

    def save(self) -> None:
        """Write a checkpoint, after everything that was logged before it."""
        self.log.flush()
        self.files.save(self.trainer, self.start.spec.identity)

    def outcome(self) -> Row | Exception:
        """Return the last row of a trial that has ended, or why there is none."""
        if self.failure is not None:
            return self.failure
        return self.row or ValueError(
            f"{self.files.results} lacks the last report of a trial that has ended: restore it, or"
            " run the trial in an empty directory."
        )

    def close(self) -> None:
        """Release the directory, the log and the worlds."""
        self.resources.close()

    def _saves_at(self, result: AdvanceResult) -> bool:
        """Return whether a report comes with a checkpoint although the pipeline requires none."""
        start = self.start
        ended = self.trainer.reached.stage if result.stage_ended else None
        return start.spec.saves_at_reports or ended in start.shared.saved_after

    def _save_if_best(self, row: Row) -> None:
        """Store the members if the metric is better than it ever was."""
        spec = self.start.spec
        value = sign_of(spec.mode) * row[spec.metric]
        if value > self.best:
            self.best = value
            trainer = self.trainer
            self.files.save_best(trainer.env_steps, trainer.acting_state(), spec.identity)


def resume(start: TrialStart, files: TrialFiles, trainer: Trainer) -> Row | None:
    """Restore the newest checkpoint, if any, and return the last row up to it, if any."""
    spec = start.spec
    if start.exploit:
        files.adopt(trainer, start.exploit.checkpoint, spec.identity, spec.device)
    return files.resume(trainer, spec.identity, spec.device, start.accept_changes, spec.metric)


def _report_adopted(start: TrialStart, files: TrialFiles, last: Row) -> None:
    """Report what a trial has adopted from another one, before its last row."""
    if start.shared.prefix is not None:
        for row in forked_rows(start.spec, files, last[ENV_STEPS]):
            start.report(replayed(row))


class ExploitRequested(Exception):  # noqa: N818  # not an error: the trial resumes
    """The trial must resume from the checkpoint of another one."""

    def __init__(self, exploit: Exploit) -> None:
        super().__init__(f"The trial resumes from {exploit.checkpoint}.")
        self.exploit = exploit


def apply_decision(answer: Decision | None, trainer: Trainer, generation: int) -> None:
    """Apply the decision on a report; raise ExploitRequested for a later generation's exploit."""
    if answer is None:
        return
    if answer.exploit is not None and answer.exploit.generation > generation:
        raise ExploitRequested(answer.exploit)
    if answer.end_stage is not None:
        trainer.end_stage(answer.end_stage, by_person=answer.by_person)


def check_members(trainer: Trainer) -> None:
    """Raise FloatingPointError, naming the seed, if a member has failed.

    The trial's metric would otherwise not be one of all members.
    """
    for member in trainer.members:
        if member.failure is not None:
            raise FloatingPointError(
                f"The member of seed {member.seed} failed in stage {member.progress.stage} after "
                f"{member.progress.total_steps:,} steps: {member.failure}."
            )


def result_row(
    trainer: Trainer,
    metric: str,
    aggregate: Callable[[Sequence[float]], float],
    stage_ended: bool,
    generation: int,
) -> Row:
    """Return the row of a report: the metric, aggregated over all seeds, and the progress.

    At the end of a stage, `stage` and `stage_steps` are those of the stage that has ended.
    """
    values = trainer.evaluated[metric]
    value = aggregated(metric, values, aggregate, trainer.env_steps)
    stands = trainer.reached if stage_ended else trainer.progress
    return ReportRow(
        metric=metric,
        value=value,
        metric_per_seed=values,
        env_steps=trainer.env_steps,
        total_env_steps=trainer.total_env_steps,
        stage=stands.stage,
        stages=len(trainer.members[0].pipeline),
        stage_steps=stands.stage_steps,
        stage_done=stage_ended,
        final=trainer.done,
        evaluation={name: mean(per_seed) for name, per_seed in trainer.evaluated.items()},
        diagnostics=mean_of_flat([member.diagnosed for member in trainer.members]),
        generation=generation,
    ).to_dict()
