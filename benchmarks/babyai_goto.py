"""How long PPO with a memory takes on BabyAI-GoToObj without the bot, and where the time goes.

16 lanes x 32 steps, 4 epochs, 2 minibatches, Adam 1e-3, gamma and lambda 0.99, convolution and GRU
of 128 units, 50,176 steps: the settings of AllenAct's own test, which takes 53 s on 2 cores. Clip
range 0.2 without decay, gradient norm 2, value coefficient 2, entropy coefficient 0.02 and values
without clipping were found on other seeds. This benchmark uses one core. Success is greedy, over 50
fresh episodes per seed.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import statistics
import sys
import time
from typing import Any

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

from common import NEVER, adam_pipeline, parser_with_quick, train, use_one_core
from record import publish

from segue import PPO, Evaluation, Network, PipelineStage, Trainer, TrainingPipeline

WORLD = "BabyAI-GoToObj-v0"
STEPS = 50_176
LANES = 16
SEEDS = (5, 6, 7, 8, 9)
ALLENACT_SECONDS = 53.0
TARGET = 0.95
PARTS = {
    "world": "gymnasium/vector/sync_vector_env.py:step",
    "learning": "train/updates/update.py:from_rollout",
}


def pipeline() -> TrainingPipeline:
    """Return one stage of PPO."""
    ppo = PPO(
        clip_param=0.2,
        normalize_advantage="rollout",
        use_clipped_value_loss=False,
        value_loss_coef=2.0,
        entropy_coef=0.02,
    )
    return adam_pipeline(
        {"ppo": ppo},
        [PipelineStage(["ppo"], max_stage_steps=STEPS)],
        lr=1e-3,
        eps=1e-8,
        num_mini_batch=2,
        max_grad_norm=2.0,
        num_steps=32,
        gae_lambda=0.99,
        metric_accumulate_interval=5_120,
    )


def trained(seed: int) -> Trainer:
    """Return a trainer of one member at the end of its training."""
    evaluation = Evaluation(every=NEVER, episodes=50)
    trainer = Trainer.new(
        pipeline(), WORLD, [seed], evaluation, lanes=LANES, policy=Network("gru", hidden=128)
    )
    train(trainer)
    return trainer


def shares() -> dict[str, float]:
    """Profile a separate run, and return the share of time that each part takes."""
    profile = cProfile.Profile()
    profile.runcall(trained, SEEDS[0])
    stats: Any = pstats.Stats(profile)
    rows: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats
    total = sum(own for _, _, own, _, _ in rows.values())
    seconds = {
        part: max(
            whole
            for (file, _, name), (_, _, _, whole, _) in rows.items()
            if f"{file}:{name}".endswith(ending)
        )
        for part, ending in PARTS.items()
    }
    return {f"share_{part}": whole / total for part, whole in seconds.items()}


def main() -> None:
    quick = parser_with_quick(__doc__, "one seed, no profile").parse_args().quick
    use_one_core()
    seconds: list[float] = []
    success: list[float] = []
    for seed in SEEDS[:1] if quick else SEEDS:
        start = time.perf_counter()
        trainer = trained(seed)
        seconds.append(time.perf_counter() - start)
        success += trainer.evaluate()["success"]
    figures = {"seconds": statistics.median(seconds), "success": statistics.median(success)}
    figures |= {f"success_{seed}": value for seed, value in zip(SEEDS, success, strict=False)}
    figures |= {} if quick else shares()
    rows = [
        ["seconds", f"{figures['seconds']:.1f}", f"AllenAct, 2 cores: {ALLENACT_SECONDS:.0f}"],
        ["success, median", f"{figures['success']:.2f}", f"> {TARGET}"],
        ["success, per seed", " ".join(f"{value:.2f}" for value in success), ""],
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
        (WORLD, "", "reference"),
        rows,
        figures,
        keep=not quick,
    )


if __name__ == "__main__":
    main()
