"""How many environment steps a second, learning included, on one core: Segue with K members against Stable-Baselines3.

CartPole, 8 lanes x 128 steps, 4 epochs x 4 minibatches, two perceptrons 64x64, Adam: the same for all. Rounds are
interleaved, so that a noisy machine is noisy for everyone; the figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import torch
from record import publish
from torch import optim

from segue.experiment_utils import Builder, PipelineStage, TrainingPipeline
from segue.plan.evaluation import Evaluation
from segue.train import PPO, Trainer

MEMBERS = (1, 4, 16, 64)
LANES, STEPS, EPOCHS, MINIBATCHES, LR = 8, 128, 4, 4, 2.5e-4
ROLLOUT = LANES * STEPS
TARGETS = {1: 3.0, 4: 7.0, 16: 10.0, 64: 10.0}

Arm = Callable[[], int]


def segue(members: int) -> Arm:
    """One iteration of a pack; returns its environment steps."""
    pipeline = TrainingPipeline(
        named_losses={"ppo": PPO(clip_param=0.2, entropy_coef=0.01, use_clipped_value_loss=False)},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=10**9)],
        optimizer_builder=Builder(optim.Adam, {"lr": LR, "eps": 1e-5}),
        num_mini_batch=MINIBATCHES,
        update_repeats=EPOCHS,
        max_grad_norm=0.5,
        num_steps=STEPS,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=None,
        metric_accumulate_interval=ROLLOUT,
    )
    trainer = Trainer.new(pipeline, "CartPole-v1", range(members), Evaluation(every=10**9), lanes=LANES)

    def iterate() -> int:
        trainer.advance()
        return members * ROLLOUT

    return iterate


def stable_baselines3() -> Arm:
    """Iterations of Stable-Baselines3's PPO with its own vector environment and loop."""
    from stable_baselines3 import PPO as SB3
    from stable_baselines3.common.env_util import make_vec_env

    model = SB3(
        "MlpPolicy",
        make_vec_env("CartPole-v1", LANES),
        n_steps=STEPS,
        batch_size=ROLLOUT // MINIBATCHES,
        n_epochs=EPOCHS,
        learning_rate=LR,
        ent_coef=0.01,
        device="cpu",
    )

    def iterate() -> int:
        model.learn(4 * ROLLOUT, reset_num_timesteps=False)  # several, so that `learn`'s own overhead is shared
        return 4 * ROLLOUT

    return iterate


def rate(arm: Arm, seconds: float) -> float:
    """Environment steps a second over at least `seconds`."""
    steps, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        steps += arm()
    return steps / passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter rounds, about a minute; keeps no record"
    )
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore", module="stable_baselines3")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    arms = {"sb3": stable_baselines3()} | {f"segue_k{members}": segue(members) for members in MEMBERS}
    rounds, seconds = (5, 1.5) if quick else (15, 4.0)
    rates: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(rounds + 1):
        for name, arm in arms.items():
            measured = rate(arm, seconds if turn else 0.5)  # the first turn warms up
            if turn:
                rates[name].append(measured)
    report(rates, quick)


def report(rates: dict[str, list[float]], quick: bool) -> None:
    """Print and keep the medians and the ratios to Stable-Baselines3 of the same round."""
    figures = {name: statistics.median(values) for name, values in rates.items()}
    rows = [["Stable-Baselines3", f"{figures['sb3']:,.0f}", "1.0", ""]]
    for members, target in TARGETS.items():
        paired = [own / peer for own, peer in zip(rates[f"segue_k{members}"], rates["sb3"], strict=True)]
        figures[f"ratio_k{members}"] = ratio = statistics.median(paired)
        rows.append([f"Segue, K = {members}", f"{figures[f'segue_k{members}']:,.0f}", f"{ratio:.1f}", f"{target:.0f}"])
    columns = ("one core, CartPole-v1", "env steps/s", "ratio", "target")
    publish(
        "throughput",
        " ".join(sys.argv),
        "Environment steps per second, learning included",
        columns,
        rows,
        figures,
        keep=not quick,
    )


if __name__ == "__main__":
    main()
