"""One trial in its directory: train, evaluate, write down, and go on where an earlier attempt was
ended.

    trials/0007/
      lock  results.jsonl  metrics.jsonl  events.out.tfevents.*  checkpoints/

The order of a report: the row is on the disk, then the checkpoint is whole, then the report is
made. Whatever ends the process, an attempt begins at the newest valid checkpoint, cuts what was
written after it, and repeats the last row that it keeps: perhaps nobody heard it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from segue.base.files import append_row, read_rows, write_rows
from segue.base.lock import locked
from segue.plan.decision import Decision, Exploit
from segue.record.layout import LOCK, LOG, TRIAL, TrialLayout
from segue.record.row import ENV_STEPS, ReportRow, Row, replayed
from segue.train.checkpoint import decoded, load_checkpoint, newest_first, save_checkpoint
from segue.train.checks import check_metric
from segue.train.log import TrialLog
from segue.train.trainer import Trainer
from segue.train.trial_spec import TrialSpec
from segue.worlds.seeds import stream

ReportCallback = Callable[[Row], Decision | None]
_STAY = (LOCK, LOG, TRIAL)  # in use while a trial runs, or written for it just now
ORPHAN_SECONDS = 20.0  # a worker that outlived its driver may still be writing in the directory


@dataclass(frozen=True)
class TrialFiles:
    """Where a trial keeps its rows and checkpoints; `generation` counts how often it went on from
    another trial's.
    """

    directory: Path
    generation: int = 0

    @property
    def results(self) -> Path:
        """File with one row for each report."""
        return TrialLayout(self.directory).results

    @property
    def checkpoints(self) -> Path:
        """Folder of the newest checkpoints."""
        return TrialLayout(self.directory).checkpoints(self.generation)

    def adopt(self, trainer: Trainer, checkpoint: Path, identity: str, device: str) -> None:
        """Begin the generation with another trial's checkpoint, if it has not begun yet."""
        if not newest_first(self.checkpoints):
            trainer.load_state_dict(decoded(checkpoint.read_bytes(), device)["trainer"])
            self.save(trainer, identity)

    def resume(
        self, trainer: Trainer, identity: str, device: str, accept_changes: bool
    ) -> Row | None:
        """Put the trainer where the newest valid checkpoint stands; the last row up to there, if
        there is one.
        """
        state = load_checkpoint(self.checkpoints, device)
        if state is not None and state["identity"] != identity:
            if not accept_changes:
                raise ValueError(
                    f"{self.directory} holds a checkpoint of another trial (pipeline, world, seeds,"
                    " lanes, policy or evaluation differ): begin in an empty directory."
                )
            self.move_aside()
            state = None
        if state is not None:
            trainer.load_state_dict(state["trainer"])
        reached = trainer.env_steps if state is not None else 0
        kept = [row for row in read_rows(self.results) if row[ENV_STEPS] <= reached]
        write_rows(self.results, kept)
        return kept[-1] if kept else None

    def move_aside(self) -> None:
        """Move what another pipeline wrote into a folder of its own."""
        aside = self.directory / f"before-{len(list(self.directory.glob('before-*')))}"
        entries = list(self.directory.iterdir())
        aside.mkdir()
        for entry in entries:
            if entry.name not in _STAY and not entry.name.startswith("before-"):
                entry.rename(aside / entry.name)

    def save(self, trainer: Trainer, identity: str) -> None:
        """Write a checkpoint of the trainer; `identity` says of which trial."""
        save_checkpoint(
            self.checkpoints,
            trainer.env_steps,
            {"identity": identity, "trainer": trainer.state_dict()},
        )


def run_trial(
    spec: TrialSpec,
    directory: Path,
    *,
    report: ReportCallback = lambda row: None,
    should_preempt: Callable[[], bool] = lambda: False,
    exploit: Exploit | None = None,
    accept_changes: bool = False,
) -> Row:
    """Train one pack, a member a seed, to the end of its pipeline; return the last row.

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
    assert row is not None, "a pipeline ends with a report"
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

    def resume(self, exploit: Exploit | None, accept_changes: bool) -> Row | None:
        """Continue from the newest checkpoint, and repeat the last report before it, if any."""
        device = self.spec.device
        if exploit:
            self.files.adopt(self.trainer, exploit.checkpoint, self.identity, device)
        row = self.files.resume(self.trainer, self.identity, device, accept_changes)
        if row is not None:
            self._send(replayed(row))
        return row

    def open_log(self) -> TrialLog:
        """Open the trial's log where the trainer stands."""
        return TrialLog(
            self.files.directory,
            self.trainer.env_steps,
            self.trainer.total_env_steps,
            self.spec.pipeline.should_log,
        )

    def step(self, log: TrialLog) -> Row | None:
        """Advance once, write down and report what is due; return the row if a report was due."""
        trainer = self.trainer
        result = trainer.advance()
        check_members(trainer)
        log.train(result.logged, trainer.env_steps, trainer.total_env_steps)
        row = None
        if result.report_due:
            log.valid(trainer.evaluate(), trainer.env_steps, trainer.total_env_steps)
            row = result_row(trainer, self.spec.metric, self.spec.aggregate, result.stage_ended)
            append_row(self.files.results, row)
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

    def _send(self, row: Row) -> None:
        """ReportCallback a row, and apply the decision that answers it."""
        apply_decision(self.report(row), self.trainer, self.files.generation)


class Preempted(BaseException):  # not an error, and not to be tried again here
    """The trial is to go on elsewhere, from the checkpoint that it has just written."""

    def __init__(self, env_steps: int) -> None:
        super().__init__(
            f"This process was asked to end: a checkpoint is kept at {env_steps:,} steps."
        )


class ExploitRequested(Exception):  # noqa: N818  # not an error: the trial goes on elsewhere
    """The trial is to go on from another one's checkpoint."""

    def __init__(self, exploit: Exploit) -> None:
        super().__init__(f"The trial goes on from {exploit.checkpoint}.")
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
    """Raise FloatingPointError, with the seed, when a member has failed: the trial's metric would
    not be over all.
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
    """What a trial reports: its metric, one number of those of all seeds, and where it stands.

    A report at the end of a stage is about the stage that has ended: `stage` and `stage_steps` are
    still its own.
    """
    values = trainer.evaluated[metric]
    value = aggregate(values)
    if not math.isfinite(value):
        raise FloatingPointError(
            f"The metric {metric!r} is {value} after {trainer.env_steps:,} steps: {values} by seed."
        )
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
        evaluation={
            name: sum(per_seed) / len(per_seed) for name, per_seed in trainer.evaluated.items()
        },
    ).to_dict()


def member_seeds(seed: int, members: int) -> list[int]:
    """One seed a member, from a sweep's seed: every trial trains with the same ones (common random
    numbers).
    """
    return [int(stream(seed, "member", index).generate_state(1)[0]) for index in range(members)]
