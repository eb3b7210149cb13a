"""Where a trial with a trainer of the user's own stands in its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.plan.criteria.scheduler import scheduler_criteria
from segue.plan.sweeps.stages import TrainerPlan, TrainerStage
from segue.plan.tracker import ScalarMeanTracker


@dataclass(frozen=True)
class StagePoint:
    """The stage that a report is about, and whether it ends with the report."""

    stage: int
    stage_steps: int
    stage_done: bool


class Position:
    """The progress of a trial, advanced by its reports, with the criterion of the current stage.

    A stage ends at the report that reaches its step limit, that satisfies its criterion, with which
    the trainer ends it, or that follows a person's decision to end it. Steps beyond a limit count
    for the next stage, so that a trial in which no stage ends early takes the steps of its plan, up
    to the next report.
    """

    def __init__(self, plan: TrainerPlan) -> None:
        self.plan = plan
        self.env_steps = 0
        self.stage = 0
        self._entered_at = 0
        self._ends_at = plan.stages[0].steps
        self._criterion = plan.stages[0].new_criterion()
        self._is_ended_by_person = False

    @property
    def done(self) -> bool:
        """Whether the last stage has ended."""
        return self.stage >= len(self.plan)

    @property
    def stage_steps(self) -> int:
        """Environment steps of one seed in the current stage."""
        return self.env_steps - self._entered_at

    def advance(
        self, env_steps: int, metrics: Mapping[str, float], *, ends_stage: bool
    ) -> StagePoint:
        """Move to a report at `env_steps`, and return the stage that it is about.

        `ends_stage` is whether the trainer ends the stage.
        """
        self.env_steps = env_steps
        tracker = ScalarMeanTracker()
        tracker.add_scalars(metrics)
        is_satisfied = self._criterion(self.stage_steps, env_steps, tracker)
        is_over = (
            is_satisfied or ends_stage or self._is_ended_by_person or env_steps >= self._ends_at
        )
        standing = StagePoint(self.stage, self.stage_steps, is_over)
        if is_over:
            self._enter_next()
        return standing

    def end_stage(self, stage: int, *, by_person: bool = False) -> None:
        """End the stage of this index at the next report, as its scheduler decided, or a person."""
        if stage == self.stage:
            self._is_ended_by_person |= by_person
            for criterion in scheduler_criteria(self._criterion):
                criterion.end()

    def state_dict(self) -> dict[str, Any]:
        """Return the progress, as plain values."""
        return {
            "steps": self.env_steps,
            "index": self.stage,
            "entered_at": self._entered_at,
            "ends_at": self._ends_at,
            "criterion": self._criterion.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.env_steps = state["steps"]
        self.stage = state["index"]
        self._entered_at = state["entered_at"]
        self._ends_at = state["ends_at"]
        self._criterion = self._stage.new_criterion()
        self._criterion.load_state_dict(state["criterion"])

    @property
    def _stage(self) -> TrainerStage:
        return self.plan.stages[min(self.stage, len(self.plan) - 1)]

    def _enter_next(self) -> None:
        base = min(self.env_steps, self._ends_at)
        self.stage += 1
        self._is_ended_by_person = False
        self._entered_at = self.env_steps
        self._ends_at = base + self._stage.steps
        self._criterion = self._stage.new_criterion()
