"""The setups at the corners of a sweep's space, by whose lengths and sizes a run is planned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.setup import TrialSetup
from segue.plan.sweeps.stages import StagePlan
from segue.plan.sweeps.sweep import Sweep


@dataclass(frozen=True)
class Corners:
    """The setups at the corners of a space and at a sweep's own points, each made once.

    Their pipelines are only read: `PipelineStage.new_criterion` makes a new criterion for each
    caller.
    """

    points: tuple[Mapping[str, Any], ...]
    """The names and values of the space with which each setup was made."""
    setups: tuple[TrialSetup, ...]
    """Empty for a sweep with a trainer of its own."""
    plans: tuple[StagePlan, ...]
    """The stages of the trial at each point."""
    interval: int = 1
    """Environment steps of a member between two evaluations, where there are no setups."""

    @classmethod
    def of(cls, sweep: Sweep) -> "Corners":
        """Make the setups of a sweep.

        Raise ValueError, naming the corner, where a function of the sweep fails.
        """
        points = tuple(sweep.corners())
        if sweep.trainer is None:
            setups = tuple(sweep.at(point) for point in points)
            return cls(points, setups, tuple(setup.pipeline for setup in setups))
        every = getattr(sweep.evaluation, "every", 1)
        return cls(points, (), tuple(sweep.plan_at(point) for point in points), every)

    @property
    def pipelines(self) -> tuple[TrainingPipeline, ...]:
        """The pipeline of each setup."""
        return tuple(setup.pipeline for setup in self.setups)

    @property
    def longest_pipeline(self) -> int:
        """The most environment steps of a member that a pipeline takes."""
        return max(plan.total_steps for plan in self.plans)

    @property
    def longest_training(self) -> int:
        """The most environment steps of a member that a pipeline takes in whole rollouts."""
        if not self.setups:
            return self.longest_pipeline
        return max(setup.pipeline.trained_steps(setup.lanes) for setup in self.setups)

    @property
    def longest_stage(self) -> int:
        """The most environment steps of a member that a stage takes."""
        return max(stage.step_limit for plan in self.plans for stage in plan)

    @property
    def longest_interval(self) -> int:
        """The most environment steps of a member between two evaluations."""
        return max((setup.evaluation.every for setup in self.setups), default=self.interval)

    def longest_form(self, stage: int) -> int:
        """Return the most environment steps of a member that the stage of this index takes."""
        stages = [list(plan) for plan in self.plans]
        return max(of_one[stage].step_limit for of_one in stages if len(of_one) > stage)


def trained_steps_at(sweep: Sweep, point: Mapping[str, Any]) -> int:
    """Return the environment steps of a member that the trial of a point takes, if no stage ends
    early.
    """
    if sweep.trainer is not None:
        return sweep.plan_at(point).total_steps
    setup = sweep.at(point)
    return setup.pipeline.trained_steps(setup.lanes)
