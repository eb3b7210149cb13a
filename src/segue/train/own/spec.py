"""The specification of a trial that a trainer of the user's own trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segue.plan.pipelines.text import short_text
from segue.plan.sweeps.aggregate import aggregate_seeds
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.stages import TrainerPlan
from segue.plan.values.describe import fingerprint


@dataclass(frozen=True)
class TrainerSpec:
    """The specification of a trial that a trainer of the user's own trains.

    Attributes:
        trainer: A function of a `Trial`, or a class that is made with one and has a method `train`.
        plan: The stages of the trial.
        parameters: The names of the space and their values.
        seeds: The seeds that the trainer trains, at least one.
        metric: The metric that a report is about.
        objectives: Further metrics that the last report must have.
        aggregate: Makes one number of the metric's values of all seeds; by default their mean.
        device: "cpu" or "cuda".
        world: What the sweep has as its world, for the trainer.
        evaluation: What the sweep has as its evaluation, for the trainer. The last report has the
            mean over as many reports as its `mean_of_last`.
        log_seeds: Whether TensorBoard shows a curve of each seed besides their means.
        code: Digests of the user's modules on which the trial depends.
    """

    trainer: Callable[[Any], object]
    plan: TrainerPlan
    parameters: Mapping[str, Any]
    seeds: Sequence[int]
    metric: str = "return"
    objectives: Sequence[str] = ()
    aggregate: Callable[[Sequence[float]], float] = aggregate_seeds
    device: str = "cpu"
    world: Any = None
    evaluation: Evaluation | None = None
    log_seeds: bool = False
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the trainer."""
        return short_text(self.trainer)

    @property
    def identity(self) -> str:
        """Fingerprint of everything that affects a trial's numbers, and thus its checkpoints."""
        return fingerprint(
            [
                self.trainer,
                self.plan,
                dict(self.parameters),
                list(self.seeds),
                self.world,
                self.evaluation,
                dict(self.code),
            ]
        )
