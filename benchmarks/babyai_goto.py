"""How long PPO with a memory takes on BabyAI-GoToObj, the bot left aside, and where the time goes.

16 lanes x 32 steps, 4 epochs, 2 minibatches, Adam 1e-3, gamma and lambda 0.99, convolution and GRU
of 128 units, 50,176 steps: the settings of AllenAct's own test, which takes 53 s for them on 2
cores. Clip range 0.2, not decayed; gradient norm 2, value coefficient 2, entropy coefficient 0.02,
values not clipped, found on other seeds than these. One core here. Success is greedy, on 50 fresh
episodes a seed.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import time

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import torch
from record import publish
from torch import optim

from segue.experiment_utils import Builder, PipelineStage, TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.train import PPO, Network, Trainer

WORLD, STEPS, LANES, SEEDS = "BabyAI-GoToObj-v0", 50_176, 16, (5, 6, 7, 8, 9)
ALLENACT_SECONDS, TARGET = 53.0, 0.95
PARTS = {
    "world": "gymnasium/vector/sync_vector_env.py:step",
    "learning": "train/update.py:from_rollout",
}


def pipeline() -> TrainingPipeline:
    """PPO alone."""
    ppo = PPO(
        clip_param=0.2,
        normalize_advantage="rollout",
        use_clipped_value_loss=False,
        value_loss_coef=2.0,
        entropy_coef=0.02,
    )
    return TrainingPipeline(
        named_losses={"ppo": ppo},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=STEPS)],
        optimizer_builder=Builder(optim.Adam, {"lr": 1e-3}),
        num_mini_batch=2,
        update_repeats=4,
        max_grad_norm=2.0,
        num_steps=32,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.99,
        advance_scene_rollout_period=None,
        save_interval=None,
        metric_accumulate_interval=5_120,
    )


def train(seed: int) -> Trainer:
    """One member, from its first step to its last."""
    evaluation = Evaluation(every=10**9, episodes=50)
    trainer = Trainer.new(
        pipeline(), WORLD, [seed], evaluation, lanes=LANES, policy=Network("gru", hidden=128)
    )
    while not trainer.done:
        trainer.advance()
    return trainer


def shares() -> dict[str, float]:
    """Which part of the time goes where, by a profile of a run of its own."""
    profile = cProfile.Profile()
    profile.runcall(train, SEEDS[0])
    found = pstats.Stats(profile)
    rows: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = found.stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in rows.values())
    spent = {
        part: max(
            whole
            for (file, _, name), (_, _, _, whole, _) in rows.items()
            if f"{file}:{name}".endswith(ending)
        )
        for part, ending in PARTS.items()
    }
    return {f"share_{part}": seconds / total for part, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="one seed, no profile; keeps no record"
    )
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    seconds, success = [], []
    for seed in SEEDS[:1] if quick else SEEDS:
        began = time.perf_counter()
        trainer = train(seed)
        seconds.append(time.perf_counter() - began)
        success += trainer.evaluate()["success"]
    figures = {"seconds": statistics.median(seconds), "success": statistics.median(success)}
    figures |= {f"success_{seed}": value for seed, value in zip(SEEDS, success, strict=False)}
    figures |= {} if quick else shares()
    rows = [
        ["seconds", f"{figures['seconds']:.1f}", f"AllenAct, 2 cores: {ALLENACT_SECONDS:.0f}"],
        ["success, median", f"{figures['success']:.2f}", f"> {TARGET}"],
        ["success, by seed", " ".join(f"{value:.2f}" for value in success), ""],
    ]
    rows += [
        [name.replace("_", " "), f"{value:.0%}", ""]
        for name, value in figures.items()
        if "share" in name
    ]
    publish(
        "babyai_goto",
        " ".join(sys.argv),
        f"PPO on {WORLD}",
        (WORLD, "", "beside"),
        rows,
        figures,
        keep=not quick,
    )


if __name__ == "__main__":
    main()
