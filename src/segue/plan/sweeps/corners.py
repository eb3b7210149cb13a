"""The setups at the corners of a sweep's space, by whose lengths and sizes a run is planned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.setup import TrialSetup
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

    @classmethod
    def of(cls, sweep: Sweep) -> "Corners":
        """Make the setups of a sweep.

        Raise ValueError, naming the corner, where a function of the sweep fails.
        """
        points = tuple(sweep.corners())
        return cls(points, tuple(sweep.at(point) for point in points))

    @property
    def pipelines(self) -> tuple[TrainingPipeline, ...]:
        """The pipeline of each setup."""
        return tuple(setup.pipeline for setup in self.setups)

    @property
    def longest_pipeline(self) -> int:
        """The most environment steps of a member that a pipeline takes."""
        return max(pipeline.total_steps for pipeline in self.pipelines)

    @property
    def longest_training(self) -> int:
        """The most environment steps of a member that a pipeline takes in whole rollouts."""
        return max(setup.pipeline.trained_steps(setup.lanes) for setup in self.setups)

    @property
    def longest_stage(self) -> int:
        """The most environment steps of a member that a stage takes."""
        return max(stage.step_limit for pipeline in self.pipelines for stage in pipeline)

    @property
    def longest_interval(self) -> int:
        """The most environment steps of a member between two evaluations."""
        return max(setup.evaluation.every for setup in self.setups)

    def longest_form(self, stage: int) -> int:
        """Return the most environment steps of a member that the stage of this index takes."""
        stages = [list(pipeline) for pipeline in self.pipelines]
        return max(of_one[stage].step_limit for of_one in stages if len(of_one) > stage)
