"""The benefit of weaning on LavaCrossingS9N1: imitation followed by PPO, against PPO alone.

Teacher forcing decays from 1 to 0 during imitation. Steps, settings and seeds are equal, and all
members train in one pack. Success is measured greedily over 200 fresh episodes per seed.
"""

from __future__ import annotations

import os
import statistics
import sys

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import torch
from common import NEVER, adam_pipeline, parser_with_quick, train
from record import publish

from segue import (
    PPO,
    Evaluation,
    Imitation,
    LinearDecay,
    PipelineStage,
    PPOValue,
    Trainer,
    TrainingPipeline,
)

WORLD = "MiniGrid-LavaCrossingS9N1-v0"
SEEDS = (0, 1, 2)
LANES = 16
STEPS = 204_800


def pipeline(weaned: bool, steps: int) -> TrainingPipeline:
    """Return half imitation and half PPO, or PPO alone."""
    half = steps // 2
    imitate = PipelineStage(
        ["imitation", "value"], max_stage_steps=half, teacher_forcing=LinearDecay(half)
    )
    losses = {
        "imitation": Imitation(),
        "value": PPOValue(clip_param=0.2),
        "ppo": PPO(clip_param=0.2),
    }
    ppo = PipelineStage(["ppo"], half if weaned else steps)
    stages = [imitate, ppo] if weaned else [ppo]
    return adam_pipeline(losses, stages, 1e-3, num_steps=64, metric_accumulate_interval=8_192)


def main() -> None:
    quick = parser_with_quick(__doc__, "half of the steps").parse_args().quick
    torch.set_num_threads(1)
    steps = STEPS // 2 if quick else STEPS
    plans = [pipeline(weaned, steps) for weaned in (True, False) for _ in SEEDS]
    evaluation = Evaluation(every=NEVER, episodes=200)
    trainer = Trainer.new(plans, WORLD, [*SEEDS, *SEEDS], evaluation, lanes=LANES)
    rate = train(trainer)
    success = trainer.evaluate()["success"]
    report(success[: len(SEEDS)], success[len(SEEDS) :], rate, quick)


def report(weaned: list[float], alone: list[float], rate: float, quick: bool) -> None:
    """Publish the success of each seed."""
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
