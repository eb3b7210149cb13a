"""Check, before anything starts, whether the trainer can run a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segue.base.suggestions import suggestion
from segue.plan.criteria.metrics import metrics_of
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.settings import TrainingSettings
from segue.plan.pipelines.stage import PipelineStage
from segue.record.row import FIELDS, TUNE_FIELDS
from segue.train.data.checks import check_data
from segue.train.evaluate import EPISODE_METRICS
from segue.train.given_weights import check_given_weights
from segue.train.losses import PPO, Loss, OffPolicyLoss
from segue.train.members.learning_rate import lr_factor
from segue.train.members.stage_knobs import probability
from segue.train.optimizers import rule_of
from segue.train.policies import ActorCritic, Policy, default_policy
from segue.train.policies.heads import Categorical
from segue.worlds.registry import WorldSpec
from segue.worlds.world import WITH_EXPERTS


def check_trial(
    pipeline: TrainingPipeline, world: WorldSpec, lanes: int, policy: Policy | None
) -> ActorCritic:
    """Return the actor-critic of a trial of this pipeline.

    Raises ValueError, in one sentence, unless the trial could start.
    """
    check_trainable(pipeline, lanes)
    check_metric_names(world.metrics)
    check_expert(pipeline, world.has_expert)
    check_criteria(pipeline, world.metrics)
    if not isinstance(policy, Policy | None):
        raise ValueError(
            f"The policy is {policy!r}: use one of segue.train.policies, such as Mlp(hidden=(64,"
            " 64))."
        )
    chosen = policy or default_policy(world.single_observation_space)
    built = chosen.build(world.single_observation_space, world.single_action_space)
    check_policy(pipeline, built, lanes)
    check_given_weights(pipeline, built, world)
    for index, stage in enumerate(pipeline):
        if stage.offpolicy_component is not None:
            check_data(index, stage.offpolicy_component, world, built.memory > 0, lanes)
    return built


def check_trainable(pipeline: TrainingPipeline, lanes: int) -> None:
    """Raise ValueError unless the trainer can run this pipeline with `lanes` lanes per member."""
    rule_of(pipeline.optimizer_builder).check()
    lr_factor(pipeline.lr_scheduler_builder)(0)  # raises where the schedule does
    for index, stage in enumerate(pipeline):
        check_teacher_forcing(index, stage)
        losses = {name: pipeline.loss(name) for name in stage.loss_name}
        check_loss_kinds(losses, (Loss,), "a stage's loss_name", "PPO()")
        for loss in losses.values():
            loss.hyperparameters(0)  # raises where its schedules do
        if stage.offpolicy_component is not None:
            other = {name: pipeline.loss(name) for name in stage.offpolicy_component.loss_names}
            check_loss_kinds(
                other, (OffPolicyLoss,), "an off-policy component", "BehaviorCloning()"
            )
        normalizes = any(
            isinstance(loss, PPO) and loss.normalize_advantage for loss in losses.values()
        )
        check_minibatches(index, pipeline.settings(index), lanes, least=2 if normalizes else 1)


def check_policy(pipeline: TrainingPipeline, policy: ActorCritic, lanes: int) -> None:
    """Raise ValueError if a stage requires what the policy lacks."""
    for index, stage in enumerate(pipeline):
        for name in stage.loss_name:
            loss = pipeline.loss(name)
            if loss.needs_auxiliary and not policy.has_auxiliary:
                raise ValueError(
                    f"The loss {name!r} of stage {index} trains a second actor, which the policy"
                    " lacks: give the sweep policy=Network(auxiliary=True), with a memory if the"
                    " world needs one."
                )
            if loss.needs_expert_policy and not isinstance(policy.head, Categorical):
                raise ValueError(
                    f"The loss {name!r} of stage {index} has soft targets, which require discrete"
                    " actions."
                )
        minibatches = pipeline.settings(index).num_mini_batch
        if policy.memory and minibatches > lanes:
            raise ValueError(
                f"Stage {index} divides {lanes} lanes into {minibatches} minibatches, and a policy"
                f" with a memory learns from whole lanes: choose num_mini_batch at most {lanes}, or"
                " more lanes."
            )


def check_teacher_forcing(index: int, stage: PipelineStage) -> None:
    """Raise ValueError if the stage's schedule leaves [0, 1] at one of a hundred steps."""
    if stage.teacher_forcing is not None:
        for part in range(101):
            probability(stage.teacher_forcing, index, stage.step_limit * part // 100)


def check_expert(pipeline: TrainingPipeline, has_expert: bool) -> None:
    """Raise ValueError if a stage requires an expert and the world has none.

    The message lists worlds that have one.
    """
    for index, stage in enumerate(pipeline):
        needing = [
            name for name in stage.loss_name if getattr(pipeline.loss(name), "needs_expert", False)
        ]
        if not has_expert and (stage.teacher_forcing is not None or needing):
            what = f"the loss {needing[0]!r}" if needing else "teacher_forcing"
            raise ValueError(
                f"Stage {index} has {what}, but the world has no expert: choose a world with one,"
                f" such as {WITH_EXPERTS}."
            )


def check_metric_names(world_metrics: Sequence[str]) -> None:
    """Raise ValueError for a metric of a world whose name means something else in a report."""
    for name in world_metrics:
        if not isinstance(name, str) or not name:
            raise ValueError(f"The world's metric {name!r} has no name: let metrics be strings.")
        if name in EPISODE_METRICS:
            raise ValueError(
                f"The world has the metric {name!r}, which every world has: leave it out of the"
                " world's metrics, or give the world's own another name."
            )
        if name in FIELDS | TUNE_FIELDS or "/" in name:
            what = "contains a slash" if "/" in name else "is a field of every report"
            raise ValueError(
                f"The world has the metric {name!r}, which {what}: give it another name."
            )
        if list(world_metrics).count(name) > 1:
            raise ValueError(f"The world has the metric {name!r} twice: list it once.")


def check_metric(metric: str, world_metrics: Sequence[str]) -> None:
    """Raise ValueError, with a suggestion, for a metric that no evaluation reports."""
    known = (*EPISODE_METRICS, *world_metrics)
    if metric not in known:
        raise ValueError(
            f"There is no metric {metric!r} in this world: {suggestion(metric, known)}"
        )


def check_criteria(pipeline: TrainingPipeline, world_metrics: Sequence[str]) -> None:
    """Raise ValueError, with a suggestion, if a criterion reads a metric that does not exist."""
    known = (*EPISODE_METRICS, *world_metrics)
    for index, stage in enumerate(pipeline):
        for kind, metric in metrics_of(stage.new_criterion()):
            if metric not in known:
                raise ValueError(
                    f"The criterion {kind} of stage {index} reads the metric {metric!r}, which this"
                    f" world does not have, and would never end the stage:"
                    f" {suggestion(metric, known)}"
                )


def check_loss_kinds(
    losses: Mapping[str, object], kinds: tuple[type, ...], where: str, such_as: str
) -> None:
    """Raise ValueError unless each loss is of a kind that can be used `where` it is named."""
    for name, loss in losses.items():
        if not isinstance(loss, kinds):
            raise ValueError(
                f"The loss {name!r} is of the class {type(loss).__name__}, which {where} cannot"
                f" name: use one of segue.train.losses there, such as {such_as}."
            )


def check_minibatches(index: int, settings: TrainingSettings, lanes: int, least: int) -> None:
    """Raise ValueError unless every minibatch has `least` samples.

    Advantages are normalised over two or more.
    """
    most = lanes * settings.num_steps // least
    if settings.num_mini_batch > most:
        raise ValueError(
            f"Stage {index} divides a rollout of {lanes} lanes x {settings.num_steps} steps into"
            f" {settings.num_mini_batch} minibatches, and a minibatch needs {least} samples or"
            f" more: choose num_mini_batch at most {most}, or longer rollouts."
        )
