"""Run one trial in its directory: train, evaluate, record, and resume an earlier attempt.

    trials/0007/
      lock  results.jsonl  metrics.jsonl  events.out.tfevents.*  checkpoints/  best/

The order of a report: the row is written, then the members are stored if they are the best so far,
then the checkpoint is complete, then the row is reported. Whatever ends the process, an attempt
resumes from the newest valid checkpoint, removes the rows after it, and reports the last remaining
row again, in case it was not received.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from segue.base.files import append_row
from segue.base.lock import locked
from segue.plan.decision import Decision, Exploit
from segue.plan.mode import sign_of
from segue.record.layout import TrialLayout
from segue.record.row import ReportRow, Row, replayed
from segue.train.checks import check_metric
from segue.train.log import TrialLog, mean, mean_of_flat
from segue.train.trainer import Trainer
from segue.train.trial_files import TrialFiles
from segue.train.trial_spec import TrialSpec
from segue.worlds.seeds import stream

ReportCallback = Callable[[Row], Decision | None]
ORPHAN_SECONDS = 20.0  # a worker that outlived its driver may still be writing in the directory


def run_trial(
    spec: TrialSpec,
    directory: Path,
    *,
    report: ReportCallback = lambda row: None,
    should_preempt: Callable[[], bool] = lambda: False,
    exploit: Exploit | None = None,
    accept_changes: bool = False,
) -> Row:
    """Train one member per seed to the end of the pipeline, and return the last row.

    Resumes from the newest valid checkpoint in `directory`, if there is one. Sets torch and BLAS to
    one thread, because packs run side by side, one on each core.

    Arguments:
        report: Called with each row after it is on the disk; may return a decision.
        should_preempt: Once it returns True, a checkpoint is written and Preempted is raised.
        exploit: The checkpoint of another trial from which this one continues. When a decision
            requests another exploit, ExploitRequested is raised, with which to call again.
        accept_changes: Whether what another trial wrote in the directory is moved aside.

    Raises ValueError for what the trainer cannot run, for an unknown metric and for a directory
    that holds another trial's checkpoint; FloatingPointError when the metric is not a finite
    number; LockedError when another process trains in the directory.
    """
    torch.set_num_threads(1)
    directory.mkdir(parents=True, exist_ok=True)
    files = TrialFiles(directory, exploit.generation if exploit else 0)
    with (
        locked(TrialLayout(directory).lock, wait_seconds=ORPHAN_SECONDS),
        threadpool_limits(1, user_api="blas"),
        closing(spec.new_trainer()) as trainer,
    ):
        attempt = Attempt(spec, files, trainer, report)
        row = attempt.resume(exploit, accept_changes)
        with attempt.open_log() as log:
            while not trainer.done:
                row = attempt.step(log) or row
                if should_preempt() and not trainer.done:
                    attempt.save(log)
                    raise Preempted(trainer.env_steps)
    if row is None:
        raise ValueError(
            f"{files.results} lacks the last report of a trial that has ended: restore it, or run"
            " the trial in an empty directory."
        )
    return row


@dataclass
class Attempt:
    """One attempt at a trial, from its newest checkpoint until it ends or is interrupted."""

    spec: TrialSpec
    files: TrialFiles
    trainer: Trainer
    report: ReportCallback

    def __post_init__(self) -> None:
        check_metric(self.spec.metric, self.trainer.evaluator.world.metrics)
        self.identity = self.spec.identity
        self.best = -math.inf  # of the metric so far, higher is better

    def resume(self, exploit: Exploit | None, accept_changes: bool) -> Row | None:
        """Continue from the newest checkpoint, and repeat the last report before it, if any."""
        device = self.spec.device
        if exploit:
            self.files.adopt(self.trainer, exploit.checkpoint, self.identity, device)
        row = self.files.resume(
            self.trainer, self.identity, device, accept_changes, self.spec.metric
        )
        if row is not None:
            self.best = self.files.best_value(self.spec.metric, self.spec.mode)
            self._send(replayed(row))
        return row

    def open_log(self) -> TrialLog:
        """Open the trial's log where the trainer stands."""
        return TrialLog(
            self.files.directory,
            self.trainer.env_steps,
            self.trainer.total_env_steps,
            self.spec.pipeline.should_log,
            len(self.spec.seeds) if self.spec.log_seeds else 0,
        )

    def step(self, log: TrialLog) -> Row | None:
        """Advance once, record and report what is due; return the row if a report was due."""
        trainer = self.trainer
        result = trainer.advance()
        check_members(trainer)
        log.train(result.logged, trainer.env_steps, trainer.total_env_steps)
        row = None
        if result.report_due:
            log.valid(trainer.evaluate(), trainer.env_steps, trainer.total_env_steps)
            row = result_row(trainer, self.spec.metric, self.spec.aggregate, result.stage_ended)
            append_row(self.files.results, row)
            self._save_if_best(row)
        if result.save_due:
            self.save(log)
        elif result.report_due:
            log.flush()
        if row is not None:
            self._send(row)
        return row

    def save(self, log: TrialLog) -> None:
        """Write a checkpoint, after everything that was logged before it."""
        log.flush()
        self.files.save(self.trainer, self.identity)

    def _save_if_best(self, row: Row) -> None:
        """Store the members if the metric is better than it ever was."""
        value = sign_of(self.spec.mode) * row[self.spec.metric]
        if value > self.best:
            self.best = value
            trainer = self.trainer
            self.files.save_best(trainer.env_steps, trainer.acting_state(), self.identity)

    def _send(self, row: Row) -> None:
        """Report a row, and apply the decision that answers it."""
        apply_decision(self.report(row), self.trainer, self.files.generation)


class Preempted(BaseException):  # not an error, and not to be retried here
    """The trial must resume in another process, from the checkpoint that it has just written."""

    def __init__(self, env_steps: int) -> None:
        super().__init__(
            f"This process was requested to end: a checkpoint is stored at {env_steps:,} steps."
        )


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
        trainer.end_stage(answer.end_stage)


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
    trainer: Trainer, metric: str, aggregate: Callable[[Sequence[float]], float], stage_ended: bool
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
    ).to_dict()


def aggregated(
    metric: str,
    values: Sequence[float],
    aggregate: Callable[[Sequence[float]], float],
    env_steps: int,
) -> float:
    """Return the metric of all seeds; raise FloatingPointError unless it is a finite number."""
    value = aggregate(values)
    if not math.isfinite(value):
        raise FloatingPointError(
            f"The metric {metric!r} is {value} after {env_steps:,} steps: {values} by seed."
        )
    return value


def member_seeds(seed: int, members: int) -> list[int]:
    """Return one seed per member, derived from a sweep's seed.

    Every trial trains with the same ones (common random numbers).
    """
    return [int(stream(seed, "member", index).generate_state(1)[0]) for index in range(members)]
