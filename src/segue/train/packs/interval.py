"""What an advance of the trainer returns: intervals to log, and what is due."""

from __future__ import annotations

from dataclasses import dataclass, field

from segue.train.updates.update import LossInfo


@dataclass(frozen=True)
class MemberInterval:
    """The metrics, losses and learning rate of a member in an interval of training."""

    member: int
    stage: int
    total_steps: int
    metrics: dict[str, float]
    losses: LossInfo
    lr: float
    teacher: dict[str, float] = field(default_factory=dict)
    """The measured and the requested ratio of the teacher's actions."""


@dataclass(frozen=True)
class AdvanceResult:
    """The result of `Trainer.advance`."""

    logged: list[MemberInterval]
    stage_ended: bool  # whether the slowest member has left a stage
    report_due: bool
    save_due: bool
