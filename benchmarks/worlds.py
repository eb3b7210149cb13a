"""Steps per second of MiniGrid on one core: the array engine against the `minigrid` package.

Random actions, no learning. The package runs in Gymnasium's synchronous vector environment, reduced
to its images. The last column queries the engine's expert before every step and follows it half of
the time, as teacher forcing does. Rounds are interleaved, so that other work on the machine
disturbs all arms alike; the figures are medians over rounds.
"""

from __future__ import annotations

import os
import statistics
import sys
from importlib.metadata import version

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import gymnasium
import numpy as np
from common import Arm, interleaved_rates, parser_with_quick, use_one_core
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from minigrid.wrappers import ImgObsWrapper
from record import publish

from segue.worlds import lane_seeds, make_world

LEVELS = ("MiniGrid-Empty-5x5-v0", "MiniGrid-DoorKey-5x5-v0", "MiniGrid-LavaCrossingS9N1-v0")
LANES = (8, 64, 1024)
ACTIONS = 7
TARGET_LEVEL = "MiniGrid-DoorKey-5x5-v0"
TARGET_LANES = 64
TARGET = 500_000


def engine(level: str, lanes: int) -> Arm:
    """Return an arm that makes one step of the array engine in all lanes."""
    world = make_world(level, 1, lanes)
    generator = np.random.default_rng(0)
    world.reset(lane_seeds(0, "train", lanes))

    def step() -> int:
        world.step(generator.integers(ACTIONS, size=lanes))
        return lanes

    return step


def engine_with_expert(level: str, lanes: int) -> Arm:
    """Return an arm that queries the expert of the array engine and makes one step."""
    world = make_world(level, 1, lanes)
    generator = np.random.default_rng(0)
    world.reset(lane_seeds(0, "train", lanes))

    def step() -> int:
        follows = generator.random(lanes) < 0.5
        world.step(
            np.where(follows, world.expert().action, generator.integers(ACTIONS, size=lanes))
        )
        return lanes

    return step


def package(level: str, lanes: int) -> Arm:
    """Return an arm that makes one step of as many environments of the package."""
    envs = [
        lambda: ImgObsWrapper(gymnasium.make(level, disable_env_checker=True)) for _ in range(lanes)
    ]
    vector = SyncVectorEnv(envs, autoreset_mode=AutoresetMode.SAME_STEP)
    generator = np.random.default_rng(0)
    vector.reset(seed=0)

    def step() -> int:
        vector.step(generator.integers(ACTIONS, size=lanes))
        return lanes

    return step


ARMS = {"package": package, "engine": engine, "taught": engine_with_expert}


def main() -> None:
    quick = parser_with_quick(__doc__, "fewer and shorter rounds, 20 seconds").parse_args().quick
    use_one_core()
    arms = {
        f"{name} {level} {lanes}": make(level, lanes)
        for level in LEVELS
        for lanes in LANES
        for name, make in ARMS.items()
    }
    rounds, seconds = (3, 0.2) if quick else (7, 0.6)
    rates = interleaved_rates(arms, rounds, seconds, warm_up=0.05)
    report({name: statistics.median(values) for name, values in rates.items()}, quick)


def report(figures: dict[str, float], quick: bool) -> None:
    """Publish the medians."""
    rows = []
    for level in LEVELS:
        for lanes in LANES:
            peer, own, with_expert = (figures[f"{name} {level} {lanes}"] for name in ARMS)
            target = f"{TARGET:,}" if (level, lanes) == (TARGET_LEVEL, TARGET_LANES) else ""
            name = f"{level.removeprefix('MiniGrid-').removesuffix('-v0')}, {lanes} lanes"
            rows.append(
                [
                    name,
                    f"{peer:,.0f}",
                    f"{own:,.0f}",
                    f"{own / peer:.0f}",
                    target,
                    f"{with_expert:,.0f}",
                ]
            )
    publish(
        "worlds",
        " ".join(sys.argv),
        f"Steps per second of MiniGrid, no learning (minigrid {version('minigrid')})",
        ("one core", "package", "engine", "ratio", "target", "with expert"),
        rows,
        {name.replace(" ", "_"): value for name, value in figures.items()},
        keep=not quick,
    )


if __name__ == "__main__":
    main()
