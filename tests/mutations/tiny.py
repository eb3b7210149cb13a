"""A sweep of trials that train for a moment; its run has every kind of file.

The file is a sweep file as well: the harness runs commands with it.
"""

from ray import tune
from torch.optim import Adam

from segue import PPO, Builder, Evaluation, PipelineStage, Sweep, TrainingPipeline

STEPS = 64  # of a member in each of the two stages


def pipeline(lr: float, gae_lambda: float, layers: int) -> TrainingPipeline:
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[PipelineStage(loss_name=["ppo"], max_stage_steps=STEPS) for _ in range(2)],
        optimizer_builder=Builder(Adam, {"lr": lr}),
        num_mini_batch=1,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=8,
        gamma=0.99,
        use_gae=True,
        gae_lambda=gae_lambda,
        advance_scene_rollout_period=None,
        save_interval=STEPS // 2,
        metric_accumulate_interval=STEPS // 2,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={
        "lr": tune.loguniform(1e-4, 1e-2),
        "gae_lambda": tune.choice([0.9, 0.95]),
        "layers": tune.randint(1, 5),
    },
    world="CartPole-v1",
    evaluation=Evaluation(every=STEPS // 2, episodes=1),
    metric="return",
    mode="max",
    constraints={"long": lambda row: row["evaluation"]["return"] - 400.0},
    objectives=[("length", "min")],
    points=[
        {"lr": 1e-4 * (index + 1), "gae_lambda": 0.9, "layers": index % 4 + 1} for index in range(7)
    ],
    trials=8,
    lanes=2,
    seeds=2,
)
