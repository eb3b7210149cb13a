"""What weaning is worth: LavaCrossingS9N1 by imitation with teacher forcing 1 -> 0 and then PPO,
and by PPO alone.

The same steps, settings and seeds; all members train in one pack. Success is measured greedily on
200 fresh episodes a seed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import torch
from record import publish
from torch import optim

from segue.experiment_utils import Builder, LinearDecay, PipelineStage, TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.train import PPO, Imitation, PPOValue, Trainer

WORLD, SEEDS, LANES, STEPS = "MiniGrid-LavaCrossingS9N1-v0", (0, 1, 2), 16, 204_800


def pipeline(weaned: bool, steps: int) -> TrainingPipeline:
    """Half imitation and half PPO, or PPO alone."""
    half = steps // 2
    imitate = PipelineStage(
        ["imitation", "value"], max_stage_steps=half, teacher_forcing=LinearDecay(half)
    )
    return TrainingPipeline(
        named_losses={
            "imitation": Imitation(),
            "value": PPOValue(clip_param=0.2),
            "ppo": PPO(clip_param=0.2),
        },
        pipeline_stages=[
            *([imitate] if weaned else []),
            PipelineStage(["ppo"], half if weaned else steps),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": 1e-3, "eps": 1e-5}),
        num_mini_batch=4,
        update_repeats=4,
        max_grad_norm=0.5,
        num_steps=64,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=None,
        metric_accumulate_interval=8_192,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="half of the steps; keeps no record")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    steps = STEPS // 2 if quick else STEPS
    plans = [pipeline(weaned, steps) for weaned in (True, False) for _ in SEEDS]
    evaluation = Evaluation(every=10**9, episodes=200)
    trainer = Trainer.new(plans, WORLD, [*SEEDS, *SEEDS], evaluation, lanes=LANES)
    began = time.perf_counter()
    while not trainer.done:
        trainer.advance()
    rate = trainer.total_env_steps / (time.perf_counter() - began)
    success = trainer.evaluate()["success"]
    report(success[: len(SEEDS)], success[len(SEEDS) :], rate, quick)


def report(weaned: list[float], alone: list[float], rate: float, quick: bool) -> None:
    """Print and keep the success of each seed."""
    figures = {
        "weaned": statistics.median(weaned),
        "ppo_alone": statistics.median(alone),
        "steps_per_second": rate,
    }
    rows = [
        [name, *(f"{value:.3f}" for value in values), target]
        for name, values, target in (("weaned to PPO", weaned, "> 0.9"), ("PPO alone", alone, ""))
    ]
    columns = (WORLD, *(f"seed {seed}" for seed in SEEDS), "target")
    publish(
        "weaning",
        " ".join(sys.argv),
        "Success on 200 episodes",
        columns,
        rows,
        figures,
        keep=not quick,
    )


if __name__ == "__main__":
    main()
