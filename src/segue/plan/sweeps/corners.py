"""The pipelines at the corners of a sweep's space, by whose lengths and sizes a run is planned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.sweep import Sweep


@dataclass(frozen=True)
class Corners:
    """The pipelines at the corners of a space and at a sweep's own points, each built once.

    They are only read: `PipelineStage.new_criterion` makes a new criterion for each caller.
    """

    points: tuple[Mapping[str, Any], ...]
    """The keywords of the pipeline function with which each pipeline was built."""
    pipelines: tuple[TrainingPipeline, ...]
    lanes: int
    """Environments of a member."""

    @classmethod
    def of(cls, sweep: Sweep) -> "Corners":
        """Build the pipelines of a sweep.

        Raise ValueError, naming the corner, where the pipeline function fails.
        """
        points = tuple(sweep.corners())
        return cls(points, tuple(_pipeline(sweep, point) for point in points), sweep.lanes)

    @property
    def longest_pipeline(self) -> int:
        """The most environment steps of a member that a pipeline takes."""
        return max(pipeline.total_steps for pipeline in self.pipelines)

    @property
    def longest_training(self) -> int:
        """The most environment steps of a member that a pipeline takes in whole rollouts."""
        return max(pipeline.trained_steps(self.lanes) for pipeline in self.pipelines)

    @property
    def longest_stage(self) -> int:
        """The most environment steps of a member that a stage takes."""
        return max(stage.step_limit for pipeline in self.pipelines for stage in pipeline)

    def longest_form(self, stage: int) -> int:
        """Return the most environment steps of a member that the stage of this index takes."""
        stages = [list(pipeline) for pipeline in self.pipelines]
        return max(of_one[stage].step_limit for of_one in stages if len(of_one) > stage)


def _pipeline(sweep: Sweep, corner: dict[str, Any]) -> TrainingPipeline:
    try:
        return sweep.pipeline(**corner)
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"The pipeline function fails at {corner}: {type(error).__name__}: {error}"
        ) from error
