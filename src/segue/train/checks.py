"""What a pipeline must be for the trainer to run it, said before anything starts."""

from __future__ import annotations

from segue.plan.pipeline import TrainingPipeline
from segue.plan.settings import TrainingSettings
from segue.train.losses import Loss
from segue.train.optimizer import AdamSettings


def check_trainable(pipeline: TrainingPipeline, lanes: int) -> None:
    """Raise ValueError, in one sentence, if the trainer cannot run this pipeline with `lanes` lanes a member."""
    AdamSettings.of(pipeline.optimizer_builder)
    if pipeline.lr_scheduler_builder is not None:
        raise ValueError("The pipeline has an lr_scheduler_builder, which this version does not step: leave it out.")
    for index, stage in enumerate(pipeline):
        for name in ("teacher_forcing", "offpolicy_component"):
            if getattr(stage, name) is not None:
                raise ValueError(f"Stage {index} has {name}, which this version does not train with: leave it out.")
        for loss in stage.loss_name:
            check_loss(loss, pipeline.loss(loss))
        check_settings(index, pipeline.settings(index), lanes)


def check_loss(name: str, loss: object) -> None:
    """Raise ValueError unless the pipeline's entry is a Loss."""
    if not isinstance(loss, Loss):
        raise ValueError(f"The loss {name!r} is a {type(loss).__name__}: use one of segue.train.losses, such as PPO().")


def check_settings(index: int, settings: TrainingSettings, lanes: int) -> None:
    """Raise ValueError for settings of a stage that the trainer cannot follow."""
    if settings.num_mini_batch > lanes * settings.num_steps:
        raise ValueError(
            f"Stage {index} breaks a rollout of {lanes} lanes x {settings.num_steps} steps into "
            f"{settings.num_mini_batch} minibatches: choose num_mini_batch at most {lanes * settings.num_steps}."
        )
    if settings.advance_scene_rollout_period is not None:
        raise ValueError(
            f"Stage {index} has advance_scene_rollout_period={settings.advance_scene_rollout_period}, which this "
            "version does not follow: set it to None."
        )
