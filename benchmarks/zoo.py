"""Segue against Stable-Baselines3 with the settings of RL Baselines3 Zoo, on one core.

`zoo.yml` has the settings, which `segue zoo` translates for Segue. Of each world are shown:

- the return of each seed after equal numbers of steps: both are evaluated with the most probable
  actions on the same episodes, with the statistics of normalisation as training left them, and
  Segue's seeds train in one pack;
- environment steps per second of processor time, learning included, for one seed and four, in
  interleaved rounds. Stable-Baselines3 trains four seeds one after another, at the rate of one.

Pendulum's settings ask for state-dependent exploration, which Segue does not have; both train
without it. Needs `pip install stable-baselines3 minigrid "gymnasium[box2d,mujoco]"`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import torch
from common import NEVER, Arm, interleaved_rates, parser_with_quick, train
from record import publish

from segue import Evaluation, Trainer, load_sweep
from segue.zoo import ZooEntry, read_entry, sweep_text

SETTINGS = Path(__file__).with_name("zoo.yml")
PACKS = (1, 4)
PACKAGES = {
    "stable_baselines3": "stable-baselines3",
    "minigrid": "minigrid",
    "Box2D": "gymnasium[box2d]",
    "mujoco": "gymnasium[mujoco]",
}


class Case(NamedTuple):
    """An entry of `zoo.yml`, what it needs, its seeds and evaluation, and what is aimed at."""

    entry: str
    package: str | None
    seeds: int
    episodes: int
    targets: tuple[float | None, float | None]
    """Least ratios to Stable-Baselines3's rate, of one seed and of four."""
    published: float | None = None
    """The mean return in the zoo's own table."""


CASES = {
    "pendulum": Case("Pendulum-v1", None, 3, 50, (2.0, 4.0)),
    "lunarlander": Case("LunarLander-v3", "Box2D", 3, 50, (2.0, 4.0)),
    "halfcheetah": Case("HalfCheetah-v5", "mujoco", 3, 10, (2.0, 4.0)),
    "pictures": Case("MiniGrid-Empty-5x5-v0", "minigrid", 3, 20, (1.0, None)),
    "doorkey": Case("MiniGrid-DoorKey-5x5-v0", "minigrid", 5, 100, (None, None), 0.964),
    "empty_random": Case("MiniGrid-Empty-Random-5x5-v0", "minigrid", 5, 100, (None, None), 0.968),
}


def segue(case: Case, entry: ZooEntry, seeds: Sequence[int]) -> Trainer:
    """Return a trainer of these seeds, with the settings as `segue zoo` writes them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.py"
        path.write_text(sweep_text(entry, case.entry))
        sweep = load_sweep(path)
    setup = sweep.at(sweep.points[0])
    return Trainer.new(
        setup.pipeline,
        setup.world,
        seeds,
        Evaluation(every=NEVER, episodes=case.episodes),
        lanes=setup.lanes,
        policy=setup.policy,
    )


def returns(case: Case, entry: ZooEntry, seeds: Sequence[int]) -> dict[str, list[float]]:
    """Return the return of each seed in both libraries."""
    import sb3

    trainer = segue(case, entry, seeds)
    train(trainer)
    found = {"segue": trainer.evaluate()["return"], "sb3": []}
    trainer.close()
    for seed in seeds:
        model = sb3.model(entry, case.entry, seed)
        model.learn(entry.n_timesteps)
        found["sb3"].append(sb3.evaluate(model, entry, case.entry, seed, case.episodes))
    return found


def rates(case: Case, entry: ZooEntry, quick: bool) -> dict[str, list[float]]:
    """Return environment steps per second of processor time in each round."""
    import sb3

    rollout = entry.n_envs * entry.n_steps
    entry = replace(entry, n_timesteps=NEVER)
    model = sb3.model(entry, case.entry, 0)

    def peer() -> int:
        model.learn(rollout, reset_num_timesteps=False)
        return rollout

    def pack(members: int) -> Arm:
        trainer = segue(case, entry, range(members))

        def iterate() -> int:
            trainer.advance()
            return members * rollout

        return iterate

    arms = {"sb3": peer} | {f"k{members}": pack(members) for members in PACKS}
    rounds, seconds = (1, 0.5) if quick else (3, 4.0)
    warm_up = 0.0 if quick else 0.5
    return interleaved_rates(arms, rounds, seconds, warm_up, clock=time.process_time)


def measure(name: str, quick: bool) -> Mapping[str, Any]:
    """Publish the rates and the returns of a world, and return them."""
    case = CASES[name]
    entry = read_entry(SETTINGS, case.entry)
    seeds = range(case.seeds)
    if quick:
        entry = replace(entry, n_timesteps=entry.n_envs * entry.n_steps)
        seeds = range(1)
    speed = rates(case, entry, quick)
    scores = returns(case, entry, seeds)
    figures: dict[str, Any] = {"steps": entry.n_timesteps, "returns": scores}
    rows = []
    for library, values in scores.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        figures |= {f"{library}_mean": statistics.mean(values), f"{library}_std": spread}
        rows.append([f"{library}: return", f"{statistics.mean(values):,.3f} +- {spread:,.3f}", ""])
    if case.published is not None:
        figures["published_mean"] = case.published
        rows.append(["published: return", f"{case.published}", ""])
    figures["sb3_rate"] = statistics.median(speed["sb3"])
    rows.append(["sb3: steps/s", f"{figures['sb3_rate']:,.0f}", "1.0"])
    for members, target in zip(PACKS, case.targets, strict=True):
        own = speed[f"k{members}"]
        ratio = statistics.median(
            mine / other for mine, other in zip(own, speed["sb3"], strict=True)
        )
        figures |= {f"k{members}_rate": statistics.median(own), f"k{members}_ratio": ratio}
        aim = f" (aim {target:.0f})" if target else ""
        rows.append(
            [
                f"segue, K = {members}: steps/s",
                f"{statistics.median(own):,.0f}",
                f"{ratio:.1f}{aim}",
            ]
        )
    title = f"{case.entry}, {len(seeds)} seeds, {entry.n_timesteps:,} steps"
    command = " ".join(sys.argv)
    columns = ("", "", "ratio")
    return publish(f"zoo_{name}", command, title, columns, rows, figures, keep=not quick)


def main() -> None:
    parser = parser_with_quick(__doc__, "one rollout of one seed in each world, two minutes")
    parser.add_argument("--world", choices=CASES, help="only this world")
    options = parser.parse_args()
    names = [options.world] if options.world else list(CASES)
    missing = [
        package
        for module, package in PACKAGES.items()
        if module in {"stable_baselines3", *(CASES[name].package for name in names)}
        and find_spec(module) is None
    ]
    if missing:
        quoted = " ".join(f'"{package}"' for package in missing)
        parser.error(f"packages are missing: pip install {quoted}.")
    warnings.filterwarnings("ignore", module="stable_baselines3")
    torch.set_num_threads(1)
    print(json.dumps({name: measure(name, options.quick) for name in names}))


if __name__ == "__main__":
    main()
