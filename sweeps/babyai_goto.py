"""When should an agent stop imitating BabyAI's bot and learn from reward, on GoToObj?

Stage one imitates the bot while teacher forcing decays, until the agent succeeds in 95 % of its
episodes; stage two is PPO. A network with a memory reads view, direction and mission. See
benchmarks/babyai_goto.py for PPO alone.
"""

from ray import tune
from torch import optim

from segue import (
    PPO,
    Builder,
    Evaluation,
    Imitation,
    LinearDecay,
    Network,
    PipelineStage,
    PPOValue,
    Reached,
    Sweep,
    TrainingPipeline,
)

TOTAL_STEPS = 50_176


def pipeline(
    imitation_steps: int, forced_share: float, value_weight: float, lr: float
) -> TrainingPipeline:
    """Return imitation for at most `imitation_steps`, then PPO for the remaining steps.

    Teacher forcing decays over the first `forced_share` of the imitation.
    """
    return TrainingPipeline(
        named_losses={
            "imitation": Imitation(),
            "value": PPOValue(clip_param=0.2),
            "ppo": PPO(clip_param=0.2, normalize_advantage="rollout"),
        },
        pipeline_stages=[
            PipelineStage(
                ["imitation", "value"],
                max_stage_steps=imitation_steps,
                loss_weights=[1.0, value_weight],
                teacher_forcing=LinearDecay(max(1, int(forced_share * imitation_steps))),
                early_stopping_criterion=Reached("success", 0.95),
            ),
            PipelineStage(["ppo"], max_stage_steps=TOTAL_STEPS - imitation_steps),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": lr}),
        num_mini_batch=2,
        update_repeats=4,
        max_grad_norm=0.5,
        num_steps=32,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.99,
        advance_scene_rollout_period=None,
        save_interval=10_240,
        metric_accumulate_interval=2_048,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={
        "imitation_steps": tune.choice([10_240, 20_480, 30_720]),
        "forced_share": tune.uniform(0.1, 0.8),
        "value_weight": tune.loguniform(0.1, 1.0),
        "lr": tune.loguniform(3e-4, 3e-3),
    },
    world="BabyAI-GoToObj-v0",
    evaluation=Evaluation(every=10_240, episodes=50),
    metric="success",
    mode="max",
    trials=12,
    seeds=1,
    lanes=16,
    policy=Network(memory="gru", hidden=128),
    search="freeze_thaw",
    max_env_steps=6 * TOTAL_STEPS,  # of 6 whole trials
)
