"""PoisonedDoors by ADVISOR's published protocol: five kinds of pipelines in packs.

There are 20 random configurations of each kind. The figure is the expected best final reward of 10
configurations drawn without replacement from those that were run (Dodge et al., 2019): with rewards
in ascending order, E = sum over i of v_i C(i-1, m-1) / C(n, m). Its interval is a bootstrap over
configurations (95 %). The publication has 50 configurations of each kind, with one training seed
each, as here.

Two processes, one per core, train packs of ten members. Rewards are means over 1,000 episodes with
sampled actions.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import numpy as np
import torch
from common import NEVER, parser_with_quick, train
from numpy.typing import NDArray
from record import publish

from segue import Evaluation, Trainer
from segue.tune.code.sweep_file import load_sweep

SWEEP = Path(__file__).parent.parent / "sweeps" / "poisoned_doors.py"
PUBLISHED = {
    "ppo": 0.00,
    "bc_tf1": -0.62,
    "bc_tf1_then_ppo": -0.50,
    "dagger_then_ppo": -0.45,
    "advisor": 1.00,
}
"""E[max of 10] in the authors' published result tables (repository allenai/advisor, hp_runs)."""

CONFIGURATIONS = 20
DRAWN = 10
PACK = 10
WORST = -2.0
LIMIT_MINUTES = 40


class Job(NamedTuple):
    """A pack of configurations of one kind."""

    kind: str
    numbers: range
    episodes: int


def main() -> None:
    quick = parser_with_quick(__doc__, "ADVISOR and PPO, 2 configurations each").parse_args().quick
    count = 2 if quick else CONFIGURATIONS
    kinds = ["ppo", "advisor"] if quick else list(PUBLISHED)
    packs = [range(first, min(first + PACK, count)) for first in range(0, count, PACK)]
    jobs = [Job(kind, numbers, 1000) for numbers in packs for kind in kinds]
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        done = pool.map(run, jobs, chunksize=1)
    rewards: dict[str, list[float]] = {kind: [] for kind in kinds}
    for job, (found, _) in zip(jobs, done, strict=True):
        rewards[job.kind] += found
    report(rewards, sum(steps for _, steps in done), time.perf_counter() - start, quick)


def configuration(number: int) -> dict[str, Any]:
    """Return the parameters of a configuration, which are the same for every kind."""
    generator = np.random.default_rng([2021, number])
    return {
        "lr": float(np.exp(generator.uniform(np.log(1e-4), np.log(0.5)))),
        "tf_ratio": float(generator.uniform(0.1, 0.9)),
        "alpha": float(generator.choice([4.0, 8.0, 16.0, 32.0])),
    }


def run(job: Job) -> tuple[list[float], int]:
    """Train a pack; return the final rewards of its members, and the environment steps it took."""
    torch.set_num_threads(1)
    sweep = load_sweep(SWEEP)
    setups = [sweep.at({"kind": job.kind, **configuration(number)}) for number in job.numbers]
    plans = [setup.pipeline for setup in setups]
    evaluation = Evaluation(every=NEVER, episodes=job.episodes, greedy=False)
    trainer = Trainer.new(
        plans,
        setups[0].world,
        list(job.numbers),
        evaluation,
        lanes=setups[0].lanes,
        policy=setups[0].policy,
    )
    rate = train(trainer)
    print(
        f"{job.kind:<16} {job.numbers.start:>2}-{job.numbers.stop - 1:<2} {rate:7,.0f} steps/s",
        flush=True,
    )
    # A member whose losses became NaN has no reward and counts as the worst possible.
    rewards = np.nan_to_num(trainer.evaluate()["return"], nan=WORST)
    return rewards.tolist(), trainer.total_env_steps


def expected_best(values: NDArray[np.float64], drawn: int) -> float:
    """Return the expected maximum of `drawn` values drawn without replacement."""
    ordered = np.sort(values)
    n = len(values)
    weights = [math.comb(i - 1, drawn - 1) / math.comb(n, drawn) for i in range(1, n + 1)]
    return float(ordered @ np.array(weights))


def interval(values: NDArray[np.float64], drawn: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of `expected_best` over configurations."""
    generator = np.random.default_rng(0)
    samples = [expected_best(generator.choice(values, len(values)), drawn) for _ in range(2000)]
    low, high = np.quantile(samples, [0.025, 0.975])
    return float(low), float(high)


def report(rewards: dict[str, list[float]], steps: int, seconds: float, quick: bool) -> None:
    """Publish the figures next to those of the paper."""
    rows = []
    figures = {"steps_per_second": steps / seconds, "minutes": seconds / 60}
    for kind, found in rewards.items():
        values = np.array(found)
        drawn = min(DRAWN, len(values))
        best = expected_best(values, drawn)
        low, high = interval(values, drawn)
        covers = low - 0.005 <= PUBLISHED[kind] <= high + 0.005
        rows.append(
            [
                kind,
                f"{best:.2f}",
                f"[{low:.2f}, {high:.2f}]",
                f"{PUBLISHED[kind]:.2f}",
                "yes" if covers else "no",
            ]
        )
        figures |= {
            f"{kind}": best,
            f"{kind}_low": low,
            f"{kind}_high": high,
            f"{kind}_published": PUBLISHED[kind],
        }
        figures |= {f"{kind}_{number:02d}": value for number, value in enumerate(found)}
    duration = f"{steps:,} steps in {seconds / 60:.1f} min (target: below {LIMIT_MINUTES})"
    title = f"PoisonedDoors, expected best of {DRAWN}; {duration}"
    columns = ("two cores", "E[max]", "95 %", "published", "covered")
    publish("poisoned_doors", " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
