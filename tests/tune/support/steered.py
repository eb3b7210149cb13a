"""A sweep of real trials that people steer, slowly enough that requests reach running trials."""

import time
from typing import Any

from ray import tune
from torch.optim import Adam

from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.builder import Builder
from segue.train import PPO

EVERY = 128
STAGE = 8 * EVERY  # steps of each of two stages
SLOW = {"lr": 1e-3, "pace": 0.2}
FAST = {"lr": 3e-4, "pace": 0.0}


class Paced(EarlyStoppingCriterion):
    """Never ends a stage, and takes some seconds to say so, about once a report."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, stage_steps: int, total_steps: int, training_metrics: Any) -> bool:
        time.sleep(self.seconds)
        return False


def pipeline(lr: float, pace: float) -> TrainingPipeline:
    stage = PipelineStage(["ppo"], max_stage_steps=STAGE, early_stopping_criterion=Paced(pace))
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[stage, stage],
        optimizer_builder=Builder(Adam, {"lr": lr}),
        num_mini_batch=1,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=16,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=EVERY,
        metric_accumulate_interval=EVERY,
    )


def steered_sweep() -> Sweep:
    """Two trials, of which the first is slow."""
    return Sweep(
        pipeline=pipeline,
        space={"lr": tune.loguniform(1e-5, 1e-2), "pace": tune.uniform(0.0, 1.0)},
        points=[SLOW, FAST],
        trials=2,
        concurrency=1,
        world="CartPole-v1",
        lanes=8,
        evaluation=Evaluation(every=EVERY, episodes=2, max_episode_steps=50),
    )
