"""How long should an agent imitate before PPO, at which learning rate, with how much exploration?

Stage one imitates the shortest-path expert of LavaCrossing, and its teacher forcing decays over the
first half; stage two is PPO with an entropy bonus, whose critic begins untrained. Each
configuration is trained on five seeds at once, and ASHA stops the ones that lag behind. Evaluation
samples actions: an agent that sees only a part of the grid, and has no memory, could otherwise
repeat a turn forever.
"""

from ray import tune
from torch import optim

from segue import (
    PPO,
    Builder,
    EntropyBonus,
    Evaluation,
    Imitation,
    LinearDecay,
    PipelineStage,
    Sweep,
    TrainingPipeline,
)

TOTAL_STEPS = 61_440


def pipeline(imitation_steps: int, lr: float, entropy_weight: float) -> TrainingPipeline:
    """Return imitation for `imitation_steps` environment steps, then PPO for the rest."""
    ppo_steps = TOTAL_STEPS - imitation_steps
    return TrainingPipeline(
        named_losses={
            "imitation": Imitation(),
            "ppo": PPO(
                clip_param=0.2, entropy_coef=0.0, clip_decay=LinearDecay(ppo_steps, 1.0, 0.1)
            ),
            "entropy": EntropyBonus(),
        },
        pipeline_stages=[
            PipelineStage(
                ["imitation"],
                max_stage_steps=imitation_steps,
                teacher_forcing=LinearDecay(imitation_steps // 2),
            ),
            PipelineStage(
                ["ppo", "entropy"], max_stage_steps=ppo_steps, loss_weights=[1.0, entropy_weight]
            ),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": lr, "eps": 1e-5}),
        num_mini_batch=4,
        update_repeats=4,
        max_grad_norm=0.5,
        num_steps=64,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=10_240,
        metric_accumulate_interval=2_048,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={
        # The longest imitation leaves PPO one rollout.
        "imitation_steps": tune.grid_search([5_120, 30_720, 60_416]),
        "lr": tune.grid_search([2e-4, 2e-3, 2e-2]),
        "entropy_weight": tune.grid_search([0.001, 0.1]),
    },
    world="MiniGrid-LavaCrossingS9N2-v0",
    evaluation=Evaluation(every=10_240, episodes=50, greedy=False),
    metric="return",
    mode="max",
    seeds=5,
    lanes=16,
    scheduler="asha",
)
