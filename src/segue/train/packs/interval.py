"""What an iteration of a pack and an advance of the trainer return."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segue.train.members.episodes import FinishedEpisodes
from segue.train.members.knobs import Knobs
from segue.train.members.member import Member
from segue.train.updates.history import LossInfo, UpdateResult


@dataclass(frozen=True)
class IterationResult:
    """The result of one rollout and its updates."""

    ended: FinishedEpisodes
    metrics: dict[str, list[list[float]]]
    """The world's metrics: name -> member -> values of the episodes that ended."""
    learned: list[UpdateResult]  # for each member
    teacher_ratio: NDArray[np.float64]  # [K] share of the actions that were the expert's


@dataclass(frozen=True)
class MemberInterval:
    """The metrics, losses, diagnostics and learning rate of a member in an interval."""

    member: int
    stage: int
    total_steps: int
    metrics: dict[str, float]
    losses: LossInfo
    lr: float
    teacher: dict[str, float] = field(default_factory=dict)
    """The measured and the requested ratio of the teacher's actions."""
    diagnostics: dict[str, float] = field(default_factory=dict)
    """Of the interval's last rollout, as `losses`; see `segue.train.updates.diagnostics`."""


@dataclass(frozen=True)
class AdvanceResult:
    """The result of `Trainer.advance`."""

    logged: list[MemberInterval]
    stage_ended: bool  # whether the slowest member has left a stage
    report_due: bool
    save_due: bool


def completed(
    index: int, member: Member, knobs: Knobs, steps: int, learned: UpdateResult
) -> MemberInterval | None:
    """Count a rollout of `steps` steps of a member, and return the interval that it completes.

    None if it does not complete one. `index` is the member's, `learned` what followed the rollout.
    """
    stage = member.progress.stage
    metrics = member.advance(steps)
    if metrics is None:
        return None
    member.diagnosed = learned.diagnostics
    return MemberInterval(
        index,
        stage,
        member.progress.total_steps,
        metrics,
        learned.losses,
        knobs.optimizer.lr,
        member.teacher.pop_and_reset(),
        member.diagnosed,
    )


def crossed(before: int, now: int, interval: int) -> bool:
    """Return whether a multiple of `interval` lies in (before, now]."""
    return now // interval > before // interval
