"""PPO on Pendulum-v1 with the same settings in Segue and in Stable-Baselines3.

The arguments of Stable-Baselines3 are translated as `docs/guides/from-stable-baselines3.md` says.
Both use 4 environments x 1,024 steps, 10 epochs of minibatches of 64 samples, Adam with a constant
learning rate, values without clipping, no state-dependent exploration, and separate perceptrons of
64 x 64 tanh units. A seed's return is the mean over 50 fresh episodes of 200 steps with the most
probable actions; the best possible one is about -150. One core.
"""

from __future__ import annotations

import os
import statistics
import sys
import warnings
from collections.abc import Sequence
from typing import Any

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import torch
from common import NEVER, adam_pipeline, parser_with_quick, train
from record import publish

from segue import PPO, Evaluation, Mlp, PipelineStage, Trainer, TrainingPipeline

WORLD = "Pendulum-v1"
SEEDS = (0, 1, 2)
STEPS = 100_000
EPISODES = 50
# The arguments of Stable-Baselines3's PPO; those that are left out have its defaults.
SB3: dict[str, Any] = {
    "learning_rate": 1e-3,
    "n_steps": 1_024,
    "batch_size": 64,
    "n_epochs": 10,
    "gamma": 0.9,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "clip_range_vf": None,
    "normalize_advantage": True,
    "ent_coef": 0.0,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
}
ENVIRONMENTS = 4


def pipeline(steps: int) -> TrainingPipeline:
    """Return one stage of PPO with the settings `SB3`, under Segue's names."""
    ppo = PPO(
        clip_param=SB3["clip_range"],
        value_loss_coef=2 * SB3["vf_coef"],  # Segue's value loss is half the squared error
        entropy_coef=SB3["ent_coef"],
        use_clipped_value_loss=SB3["clip_range_vf"] is not None,
        normalize_advantage=SB3["normalize_advantage"],
    )
    return adam_pipeline(
        {"ppo": ppo},
        [PipelineStage(["ppo"], max_stage_steps=steps)],
        lr=SB3["learning_rate"],
        eps=1e-5,
        num_mini_batch=ENVIRONMENTS * SB3["n_steps"] // SB3["batch_size"],
        update_repeats=SB3["n_epochs"],
        max_grad_norm=SB3["max_grad_norm"],
        num_steps=SB3["n_steps"],
        gamma=SB3["gamma"],
        use_gae=True,
        gae_lambda=SB3["gae_lambda"],
        metric_accumulate_interval=ENVIRONMENTS * SB3["n_steps"],
    )


def segue(seeds: Sequence[int], steps: int) -> list[float]:
    """Return the return of each seed; the seeds are members of one pack."""
    trainer = Trainer.new(
        pipeline(steps),
        WORLD,
        list(seeds),
        Evaluation(every=NEVER, episodes=EPISODES),
        lanes=ENVIRONMENTS,
        policy=Mlp((64, 64), "tanh"),
    )
    train(trainer)
    return trainer.evaluate()["return"]


def stable_baselines3(seed: int, steps: int) -> float:
    """Return the return of a seed."""
    from stable_baselines3 import PPO as SB3PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    environments = make_vec_env(WORLD, ENVIRONMENTS, seed=seed)
    model = SB3PPO("MlpPolicy", environments, seed=seed, device="cpu", **SB3)
    model.learn(steps)
    fresh = make_vec_env(WORLD, ENVIRONMENTS, seed=1_000 + seed)
    mean, _ = evaluate_policy(model, fresh, n_eval_episodes=EPISODES, deterministic=True)
    return float(mean)


def main() -> None:
    quick = parser_with_quick(__doc__, "one rollout of one seed").parse_args().quick
    warnings.filterwarnings("ignore", module="stable_baselines3")
    torch.set_num_threads(1)
    seeds = SEEDS[:1] if quick else SEEDS
    steps = ENVIRONMENTS * SB3["n_steps"] if quick else STEPS
    returns = {
        "segue": segue(seeds, steps),
        "sb3": [stable_baselines3(seed, steps) for seed in seeds],
    }
    report(returns, seeds, steps, keep=not quick)


def report(returns: dict[str, list[float]], seeds: Sequence[int], steps: int, keep: bool) -> None:
    """Publish the mean of each library and the standard deviation over its seeds."""
    figures: dict[str, float] = {}
    rows = []
    for name, values in returns.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        figures |= {f"{name}_mean": statistics.mean(values), f"{name}_std": spread}
        figures |= {f"{name}_{seed}": value for seed, value in zip(seeds, values, strict=True)}
        shown = [f"{value:.1f}" for value in (*values, statistics.mean(values), spread)]
        rows.append([name, *shown])
    columns = (WORLD, *(f"seed {seed}" for seed in seeds), "mean", "std")
    publish(
        "pendulum",
        " ".join(sys.argv),
        f"Return after {steps:,} steps",
        columns,
        rows,
        figures,
        keep=keep,
    )


if __name__ == "__main__":
    main()
