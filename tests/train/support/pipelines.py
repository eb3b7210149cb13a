"""Small pipelines for the tests of the trainer."""

from typing import Any

import torch

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.values.builder import Builder
from segue.train import A2C, PPO, Trainer

SETTINGS: dict[str, Any] = {
    "num_mini_batch": 2,
    "update_repeats": 2,
    "max_grad_norm": 0.5,
    "num_steps": 16,
    "gamma": 0.99,
    "use_gae": True,
    "gae_lambda": 0.95,
    "advance_scene_rollout_period": None,
    "save_interval": None,
    "metric_accumulate_interval": 200,
}
RARELY = Evaluation(every=10**9, episodes=2, max_episode_steps=50)
LANES = 4
ROLLOUT = LANES * SETTINGS["num_steps"]  # environment steps of one rollout


def stage(loss="ppo", steps=ROLLOUT * 3, **changes):
    return PipelineStage(
        [loss] if isinstance(loss, str) else loss, max_stage_steps=steps, **changes
    )


def pipeline(*stages, losses=None, adam=None, **changes):
    """A pipeline over the losses "ppo" and "a2c"; one stage of three rollouts unless stages are
    given.
    """
    return TrainingPipeline(
        named_losses=losses or {"ppo": PPO(clip_param=0.2), "a2c": A2C()},
        pipeline_stages=list(stages) or [stage()],
        **SETTINGS
        | {"optimizer_builder": Builder(torch.optim.Adam, adam or {"lr": 1e-3})}
        | changes,
    )


def trainer(
    pipelines,
    world="CartPole-v1",
    seeds=(0,),
    evaluation=RARELY,
    lanes=LANES,
    policy=None,
    device="cpu",
):
    return Trainer.new(
        pipelines, world, list(seeds), evaluation, lanes=lanes, policy=policy, device=device
    )


def advanced(made, times=None):
    """The trainer after so many rollouts, or at the end of its pipelines."""
    while not made.done and times != 0:
        made.advance()
        times = None if times is None else times - 1
    return made
