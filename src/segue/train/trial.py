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
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from segue.base.files import append_row, read_rows, write_rows
from segue.base.lock import locked
from segue.plan.decision import Decision, Exploit
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.aggregate import aggregate_seeds
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.values.describe import fingerprint
from segue.train.checkpoint import decoded, load_checkpoint, newest_first, save_checkpoint
from segue.train.checks import check_metric
from segue.train.log import TrialLog
from segue.train.policies import Policy
from segue.train.trainer import Trainer
from segue.worlds.seeds import stream
from segue.worlds.world import WorldFactory

Row = dict[str, Any]
Report = Callable[[Row], Decision | None]
Objective = tuple[str, Callable[[Sequence[float]], float]]
"""The metric, and what is made of it over the seeds."""
_STAY = ("lock", "log.txt", "trial.json")  # in use while a trial runs, or written for it just now
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
        """One row a report."""
        return self.directory / "results.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The newest checkpoints."""
        return self.directory / (
            f"checkpoints-{self.generation}" if self.generation else "checkpoints"
        )

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
        kept = [row for row in read_rows(self.results) if row["env_steps"] <= reached]
        write_rows(self.results, kept)
        return kept[-1] if kept else None

    def move_aside(self) -> None:
        """Keep what another pipeline wrote in a folder of its own."""
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
    pipeline: TrainingPipeline,
    world: str | WorldFactory,
    seeds: Sequence[int],
    directory: Path,
    *,
    evaluation: Evaluation,
    metric: str = "return",
    aggregate: Callable[[Sequence[float]], float] = aggregate_seeds,
    lanes: int = 8,
    policy: Policy | None = None,
    device: str = "cpu",
    report: Report = lambda row: None,
    accept_changes: bool = False,
    exploit: Exploit | None = None,
    should_preempt: Callable[[], bool] = lambda: False,
) -> Row:
    """Train one pack, a member a seed, to the end of its pipeline; return the last row.

    `aggregate` makes one number of the seeds' metrics; their mean by default. `report` is called
    with each row after it is on the disk, and may answer. With `accept_changes`, what another trial
    wrote in the directory is moved aside. Sets torch and BLAS to one thread: packs run side by
    side, one a core. With `exploit`, the trial goes on from there; when an answer says that it is
    to do so once more, ExploitRequested is raised, and this is to be called again with that. Once
    `should_preempt` says so, a checkpoint is written and Preempted is raised.

    Raises ValueError for what the trainer cannot run, for an unknown metric and for a directory
    that holds another trial's checkpoint; FloatingPointError when the metric is no finite number;
    LockedError when another process trains in the directory.
    """
    torch.set_num_threads(1)
    directory.mkdir(parents=True, exist_ok=True)
    files = TrialFiles(directory, exploit.generation if exploit else 0)
    identity = fingerprint([pipeline, world, list(seeds), evaluation, lanes, policy])
    with (
        locked(directory / "lock", wait_seconds=ORPHAN_SECONDS),
        threadpool_limits(1, user_api="blas"),
    ):
        trainer = Trainer.new(
            pipeline, world, seeds, evaluation, lanes=lanes, policy=policy, device=device
        )
        with closing(trainer):
            check_metric(metric, trainer.evaluator.world.metrics)
            if exploit:
                files.adopt(trainer, exploit.checkpoint, identity, device)
            row = files.resume(trainer, identity, device, accept_changes)
            if row is not None:
                apply_decision(report({**row, "replayed": True}), trainer, files.generation)
            with TrialLog(
                directory, trainer.env_steps, trainer.total_env_steps, pipeline.should_log
            ) as log:
                while not trainer.done:
                    row = step(trainer, files, log, identity, (metric, aggregate), report) or row
                    if should_preempt() and not trainer.done:
                        log.flush()
                        files.save(trainer, identity)
                        raise Preempted(trainer.env_steps)
    assert row is not None, "a pipeline ends with a report"
    return row


def step(
    trainer: Trainer,
    files: TrialFiles,
    log: TrialLog,
    identity: str,
    judged_by: Objective,
    report: Report,
) -> Row | None:
    """Advance once, and write down and report what is due; return the row if there was a report."""
    happened = trainer.advance()
    check_members(trainer)
    log.train(happened.logged, trainer.env_steps, trainer.total_env_steps)
    row = None
    if happened.report_due:
        log.valid(trainer.evaluate(), trainer.env_steps, trainer.total_env_steps)
        row = result_row(trainer, *judged_by, happened.stage_ended)
        append_row(files.results, row)
    if happened.report_due or happened.save_due:
        log.flush()
    if happened.save_due:
        files.save(trainer, identity)
    if row is not None:
        apply_decision(report(row), trainer, files.generation)
    return row


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
    """Do what the answer to a report says; raises ExploitRequested for an exploit of a later generation."""
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
    return {
        metric: value,
        "metric_per_seed": values,
        "env_steps": trainer.env_steps,
        "total_env_steps": trainer.total_env_steps,
        "stage": stands.stage,
        "stages": len(trainer.members[0].pipeline),
        "stage_steps": stands.stage_steps,
        "stage_done": stage_ended,
        "final": trainer.done,
        "evaluation": {
            name: sum(per_seed) / len(per_seed) for name, per_seed in trainer.evaluated.items()
        },
    }


def member_seeds(seed: int, members: int) -> list[int]:
    """One seed a member, from a sweep's seed: every trial trains with the same ones (common random
    numbers).
    """
    return [int(stream(seed, "member", index).generate_state(1)[0]) for index in range(members)]
