"""Small pipelines for the tests of the plan.

Losses and optimizers are stand-ins, since nothing is trained.
"""

from dataclasses import dataclass

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.values.builder import Builder

SETTINGS = {
    "num_mini_batch": 4,
    "update_repeats": 3,
    "max_grad_norm": 0.5,
    "num_steps": 128,
    "gamma": 0.99,
    "use_gae": True,
    "gae_lambda": 0.95,
    "advance_scene_rollout_period": None,
    "save_interval": 10_000,
    "metric_accumulate_interval": 1_000,
}


@dataclass(frozen=True)
class Loss:
    """Stands for a loss of the trainer."""

    clip: float = 0.1


class Optimizer:
    """Stands for an optimizer class."""


def stage(**changes):
    return PipelineStage(**{"loss_name": ["ppo"], "max_stage_steps": 1000} | changes)


def pipeline(*stages, **changes):
    """A pipeline over the losses "ppo" and "bc"; one plain stage unless stages are given."""
    return TrainingPipeline(
        **{
            "named_losses": {"ppo": Loss(), "bc": Builder(Loss, {"clip": 0.2})},
            "pipeline_stages": list(stages) or [stage()],
            "optimizer_builder": Builder(Optimizer, {"lr": 3e-4}),
            **SETTINGS,
        }
        | changes
    )
