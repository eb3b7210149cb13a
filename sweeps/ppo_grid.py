"""How long should PPO explore on CartPole, how much, and with which GAE lambda?

Two stages: PPO with a strong entropy bonus, then PPO with a tenth of it and a clip range that
closes. Each configuration is trained on two seeds at once, and ASHA stops the ones that lag behind.
"""

from ray import tune
from torch import optim

from segue import (
    PPO,
    Builder,
    EntropyBonus,
    Evaluation,
    LinearDecay,
    PipelineStage,
    Sweep,
    TrainingPipeline,
)

TOTAL_STEPS = 122_880


def pipeline(explore_steps: int, entropy_weight: float, gae_lambda: float) -> TrainingPipeline:
    """Return exploration for `explore_steps` environment steps, then settling for the rest."""
    settle_steps = TOTAL_STEPS - explore_steps
    return TrainingPipeline(
        named_losses={
            "ppo": PPO(clip_param=0.2, entropy_coef=0.0),
            "settling_ppo": PPO(
                clip_param=0.2, entropy_coef=0.0, clip_decay=LinearDecay(settle_steps, 1.0, 0.05)
            ),
            "entropy": EntropyBonus(),
        },
        pipeline_stages=[
            PipelineStage(
                ["ppo", "entropy"],
                max_stage_steps=explore_steps,
                loss_weights=[1.0, entropy_weight],
            ),
            PipelineStage(
                ["settling_ppo", "entropy"],
                max_stage_steps=settle_steps,
                loss_weights=[1.0, entropy_weight / 10],
            ),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": 1e-3, "eps": 1e-5}),
        num_mini_batch=2,
        update_repeats=8,
        max_grad_norm=0.5,
        num_steps=64,
        gamma=0.98,
        use_gae=True,
        gae_lambda=gae_lambda,
        advance_scene_rollout_period=None,
        save_interval=10_240,
        metric_accumulate_interval=2_048,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={
        "explore_steps": tune.grid_search([8_192, 16_384, 32_768]),
        "entropy_weight": tune.grid_search([0.01, 0.1]),
        "gae_lambda": tune.grid_search([0.8, 0.9, 0.95, 0.99]),
    },
    world="CartPole-v1",
    evaluation=Evaluation(every=10_240, episodes=10),
    metric="return",
    mode="max",
    seeds=2,
    scheduler="asha",
)
