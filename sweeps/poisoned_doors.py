"""Which way of using an expert works if it cannot be imitated, on PoisonedDoors?

ADVISOR's published protocol.

The space has five kinds of pipelines with shared parameter names (Weihs et al., NeurIPS 2021): PPO
alone; imitation with teacher forcing 1; the same, then PPO; imitation while teacher forcing decays
(DAgger), then PPO; and ADVISOR. benchmarks/poisoned_doors.py compares them with the published
figures.
"""

from ray import tune
from torch import optim
from torch.optim.lr_scheduler import LambdaLR

from segue import (
    PPO,
    Advisor,
    Builder,
    Evaluation,
    Imitation,
    LinearDecay,
    Network,
    PipelineStage,
    Sweep,
    TrainingPipeline,
)

TOTAL_STEPS = 300_000
KINDS = ("ppo", "bc_tf1", "bc_tf1_then_ppo", "dagger_then_ppo", "advisor")
ALWAYS = LinearDecay(1, startp=1.0, endp=1.0)


def pipeline(kind: str, lr: float, tf_ratio: float, alpha: float) -> TrainingPipeline:
    """Return a pipeline of that kind.

    If the kind imitates first, it does so for a share `tf_ratio` of the steps. `alpha` is a
    hyperparameter of ADVISOR.
    """
    first = int(tf_ratio * TOTAL_STEPS)
    rest = TOTAL_STEPS - first

    def ppo(steps: int) -> PipelineStage:
        return PipelineStage(["ppo"], max_stage_steps=steps)

    def imitate(steps: int, teacher_forcing: LinearDecay) -> PipelineStage:
        return PipelineStage(["imitation"], max_stage_steps=steps, teacher_forcing=teacher_forcing)

    stages = {
        "ppo": [ppo(TOTAL_STEPS)],
        "bc_tf1": [imitate(TOTAL_STEPS, ALWAYS)],
        "bc_tf1_then_ppo": [imitate(first, ALWAYS), ppo(rest)],
        "dagger_then_ppo": [imitate(first, LinearDecay(first)), ppo(rest)],
        "advisor": [PipelineStage(["advisor"], max_stage_steps=TOTAL_STEPS)],
    }[kind]
    clip = LinearDecay(stages[-1].step_limit)
    return TrainingPipeline(
        named_losses={
            "imitation": Imitation(),
            "ppo": PPO(clip_param=0.1, clip_decay=clip, normalize_advantage="rollout"),
            "advisor": Advisor(
                clip_param=0.1, clip_decay=clip, normalize_advantage="rollout", alpha=alpha
            ),
        },
        pipeline_stages=stages,
        optimizer_builder=Builder(optim.Adam, {"lr": lr}),
        lr_scheduler_builder=Builder(LambdaLR, {"lr_lambda": LinearDecay(TOTAL_STEPS)}),
        num_mini_batch=2,
        update_repeats=4,
        max_grad_norm=0.5,
        num_steps=100,
        gamma=0.99,
        use_gae=True,
        gae_lambda=1.0,
        advance_scene_rollout_period=None,
        save_interval=50_000,
        metric_accumulate_interval=10_000,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={
        "kind": tune.choice(list(KINDS)),
        "lr": tune.loguniform(1e-4, 0.5),
        "tf_ratio": tune.uniform(0.1, 0.9),
        "alpha": tune.choice([4.0, 8.0, 16.0, 32.0]),
    },
    world="PoisonedDoors-v0",
    evaluation=Evaluation(every=50_000, episodes=200, greedy=False),
    metric="return",
    mode="max",
    trials=100,
    lanes=20,
    policy=Network(memory="lstm", hidden=128, auxiliary=True),
    search="random",
)
