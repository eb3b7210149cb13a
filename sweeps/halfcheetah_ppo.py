"""How large a network, and which learning rate and schedule, does PPO need on HalfCheetah?

Observations and rewards are normalised. The learning rate is constant, or decreases linearly to
zero over the training. Needs `pip install 'segue[mujoco]'`.
"""

from ray import tune
from torch import optim
from torch.optim.lr_scheduler import LambdaLR

from segue import (
    PPO,
    Builder,
    Evaluation,
    LinearDecay,
    Mlp,
    PipelineStage,
    Sweep,
    TrainingPipeline,
    World,
)

TOTAL_STEPS = 512_000


def pipeline(lr: float, schedule: str) -> TrainingPipeline:
    """Return PPO whose learning rate starts at `lr`; `schedule` is "constant" or "linear"."""
    last_factor = {"constant": 1.0, "linear": 0.0}[schedule]
    decay = LinearDecay(TOTAL_STEPS, 1.0, last_factor)
    return TrainingPipeline(
        named_losses={
            "ppo": PPO(clip_param=0.2, entropy_coef=0.0, use_clipped_value_loss=False),
        },
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=TOTAL_STEPS)],
        optimizer_builder=Builder(optim.Adam, {"lr": lr, "eps": 1e-5}),
        lr_scheduler_builder=Builder(LambdaLR, {"lr_lambda": decay}),
        num_mini_batch=16,
        update_repeats=10,
        max_grad_norm=0.5,
        num_steps=256,
        gamma=0.98,
        use_gae=True,
        gae_lambda=0.92,
        advance_scene_rollout_period=None,
        save_interval=51_200,
        metric_accumulate_interval=10_240,
    )


def policy(width: int, depth: int) -> Mlp:
    """Return two perceptrons of `depth` hidden layers, whose actions vary little at first."""
    return Mlp((width,) * depth, "tanh", log_std_init=-1.0)


sweep = Sweep(
    pipeline=pipeline,
    space={
        "lr": tune.loguniform(3e-5, 3e-3),
        "schedule": tune.choice(["constant", "linear"]),
        "width": tune.choice([64, 128, 256]),
        "depth": tune.choice([1, 2, 3]),
    },
    points=[{"lr": 3e-4, "schedule": "constant", "width": 64, "depth": 2}],  # as is often used
    world=World("HalfCheetah-v5", normalize_observation=True, normalize_reward=True),
    evaluation=Evaluation(every=51_200, episodes=5),
    policy=policy,
    lanes=4,
    metric="return",
    mode="max",
    trials=24,
    seeds=2,
    scheduler="asha",
)
