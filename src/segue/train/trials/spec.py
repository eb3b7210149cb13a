"""The specification of one trial: what it trains, on which world, and how it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from segue.plan.mode import Mode
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.aggregate import aggregate_seeds
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.values.describe import fingerprint
from segue.train.policies import Policy
from segue.train.trainer import Trainer
from segue.worlds.registry import as_world
from segue.worlds.world import AnyWorld


@dataclass(frozen=True)
class TrialSpec:
    """The specification of one trial: what it trains, on which world, and how it is evaluated.

    Attributes:
        pipeline: The training pipeline of every member.
        world: The world's name, a `World`, or a function that makes it.
        seeds: One seed for each member of the pack.
        evaluation: How often and on how many episodes the members are evaluated.
        metric: The metric that a report is about.
        mode: Whether more ("max") or less ("min") of it is better.
        aggregate: Makes one number of the metric's values of all seeds; by default their mean.
        lanes: Number of worlds that each member acts in.
        policy: The policy; by default the one that suits the observations.
        device: "cpu" or "cuda".
        log_seeds: Whether each seed has TensorBoard events of its own, besides those of the means.
        code: Digests of the user's modules on which the trial depends, such as its environment's.
        saves_at_reports: Whether each report comes with a checkpoint, besides those of the
            pipeline, so that a trial that is paused there repeats no steps.
    """

    pipeline: TrainingPipeline
    world: AnyWorld
    seeds: Sequence[int]
    evaluation: Evaluation
    metric: str = "return"
    mode: Mode = "max"
    aggregate: Callable[[Sequence[float]], float] = aggregate_seeds
    lanes: int = 8
    policy: Policy | None = None
    device: str = "cpu"
    log_seeds: bool = False
    code: Mapping[str, str] = field(default_factory=dict)
    saves_at_reports: bool = False

    @property
    def identity(self) -> str:
        """Fingerprint of everything that affects a trial's numbers, and thus its checkpoints."""
        return fingerprint(
            [
                self.pipeline,
                self.world,
                list(self.seeds),
                self.evaluation,
                self.lanes,
                self.policy,
                dict(self.code),
            ]
        )

    @cached_property
    def kind(self) -> str:
        """Fingerprint of what trials must have in common to be trained in one pack."""
        neighbours = id(self) if self.policy and self.policy.depends_on_neighbours else None
        return fingerprint([as_world(self.world), self.lanes, self.policy, self.device, neighbours])

    def new_trainer(self) -> Trainer:
        """Return a trainer at the beginning of the pipeline; raises what `Trainer.new` raises."""
        return Trainer.new(
            self.pipeline,
            self.world,
            self.seeds,
            self.evaluation,
            lanes=self.lanes,
            policy=self.policy,
            device=self.device,
        )
