"""How should an agent be weaned off its expert before it learns from reward, on LavaCrossing?

Stage one imitates the shortest-path expert while teacher forcing decays from 1 to 0; stage two is
PPO. benchmarks/weaning.py compares it with PPO alone.
"""

from ray import tune
from torch import optim

from segue import (
    PPO,
    Builder,
    Evaluation,
    Imitation,
    LinearDecay,
    PipelineStage,
    PPOValue,
    Sweep,
    TrainingPipeline,
)

TOTAL_STEPS = 163_840


def pipeline(
    imitation_steps: int, forced_share: float, value_weight: float, gae_lambda: float, lr: float
) -> TrainingPipeline:
    """Return imitation for `imitation_steps`, forced for a share of them, followed by PPO."""
    ppo_steps = TOTAL_STEPS - imitation_steps
    return TrainingPipeline(
        named_losses={
            "imitation": Imitation(),
            "value": PPOValue(clip_param=0.2),
            "ppo": PPO(clip_param=0.2, clip_decay=LinearDecay(ppo_steps, 1.0, 0.1)),
        },
        pipeline_stages=[
            PipelineStage(
                ["imitation", "value"],
                max_stage_steps=imitation_steps,
                loss_weights=[1.0, value_weight],
                teacher_forcing=LinearDecay(max(1, int(forced_share * imitation_steps))),
            ),
            PipelineStage(["ppo"], max_stage_steps=ppo_steps),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": lr, "eps": 1e-5}),
        num_mini_batch=4,
        update_repeats=4,
        max_grad_norm=0.5,
        num_steps=64,
        gamma=0.99,
        use_gae=True,
        gae_lambda=gae_lambda,
        advance_scene_rollout_period=None,
        save_interval=20_480,
        metric_accumulate_interval=8_192,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={
        "imitation_steps": tune.choice([40_960, 81_920, 122_880]),
        "forced_share": tune.uniform(0.2, 1.0),
        "value_weight": tune.loguniform(0.1, 1.0),
        "gae_lambda": tune.uniform(0.9, 1.0),
        "lr": tune.loguniform(3e-4, 3e-3),
    },
    world="MiniGrid-LavaCrossingS9N1-v0",
    evaluation=Evaluation(every=20_480, episodes=50),
    metric="success",
    mode="max",
    trials=24,
    seeds=3,
    lanes=16,
    search="freeze_thaw",
    max_env_steps=8 * 3 * TOTAL_STEPS,  # of 8 whole trials
)
