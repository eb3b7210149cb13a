"""Segue against Stable-Baselines3 with the settings of RL Baselines3 Zoo, on one core.

`zoo.yml` has the settings, which `segue zoo` translates for Segue. Of each world are shown:

- the return of each seed after equal numbers of steps: both are evaluated with the most probable
  actions on the same episodes, with the statistics of normalisation as training left them, and
  Segue's seeds train in one pack;
- environment steps per second of processor time, learning included, for one seed and four, in
  interleaved rounds. Stable-Baselines3 trains four seeds one after another, at the rate of one.

Of MiniGrid's worlds, the mean return is compared with the one that the zoo publishes. Both sample
their actions there. Segue observes the 147 numbers of the view, and not the mission, which is the
same in every episode of these worlds.

Pendulum's settings ask for state-dependent exploration, which Segue does not have; both train
without it. Needs `pip install 'segue[bench]'`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
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
from segue.base.text import plural
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
    targets: tuple[float | None, float | None] = (None, None)
    """Least ratios to Stable-Baselines3's rate, of one seed and of four."""
    published: float | None = None
    """The mean return in the zoo's own table, with which a world is compared in place of a run."""


CASES = {
    "pendulum": Case("Pendulum-v1", None, 3, 50, (2.0, 4.0)),
    "lunarlander": Case("LunarLander-v3", "Box2D", 3, 50, (2.0, 4.0)),
    "halfcheetah": Case("HalfCheetah-v5", "mujoco", 3, 10, (2.0, 4.0)),
    "pictures": Case("MiniGrid-Empty-5x5-v0", "minigrid", 3, 20, (1.0, None)),
    "doorkey": Case("MiniGrid-DoorKey-5x5-v0", "minigrid", 5, 100, published=0.964),
    "empty_random": Case("MiniGrid-Empty-Random-5x5-v0", "minigrid", 5, 100, published=0.968),
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
        Evaluation(every=NEVER, episodes=case.episodes, greedy=case.published is None),
        lanes=setup.lanes,
        policy=setup.policy,
    )


def returns(case: Case, entry: ZooEntry, seeds: Sequence[int]) -> dict[str, list[float]]:
    """Return the return of each seed, in both libraries unless one is published."""
    trainer = segue(case, entry, seeds)
    train(trainer)
    found = {"segue": trainer.evaluate()["return"]}
    trainer.close()
    print(f"{case.entry}: returns of segue {found['segue']}", flush=True)
    if case.published is not None:
        return found
    import sb3

    found["sb3"] = []
    for seed in seeds:
        model = sb3.model(entry, case.entry, seed)
        model.learn(entry.n_timesteps)
        found["sb3"].append(sb3.evaluate(model, entry, case.entry, seed, case.episodes))
        print(f"{case.entry}: returns of sb3 {found['sb3']}", flush=True)
    return found


def rates(case: Case, entry: ZooEntry, quick: bool) -> dict[str, list[float]]:
    """Return environment steps per second of processor time in each round, if compared."""
    if case.published is not None:
        return {}
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
    found = interleaved_rates(arms, rounds, seconds, warm_up, clock=time.process_time)
    print(f"{case.entry}: rates {found}", flush=True)
    return found


def measure(name: str, steps: int | None, quick: bool) -> Mapping[str, Any]:
    """Publish the rates and the returns of a world, and return them."""
    case = CASES[name]
    entry = read_entry(SETTINGS, case.entry)
    if steps is not None:
        entry = replace(entry, n_timesteps=steps)
    seeds = range(case.seeds)
    if quick:
        entry = replace(entry, n_timesteps=entry.n_envs * entry.n_steps)
        seeds = range(1)
    speed = rates(case, entry, quick)
    scores = returns(case, entry, seeds)
    figures: dict[str, Any] = {"steps": entry.n_timesteps, "returns": scores}
    rows = [*_return_rows(case, scores, figures), *_rate_rows(case, speed, figures)]
    title = f"{case.entry}, {plural(len(seeds), 'seed')}, {entry.n_timesteps:,} steps"
    command = " ".join(sys.argv)
    return publish(f"zoo_{name}", command, title, ("", "", "ratio"), rows, figures, keep=not quick)


def _return_rows(
    case: Case, scores: Mapping[str, Sequence[float]], figures: dict[str, Any]
) -> Iterator[list[str]]:
    """Yield the rows of the returns, and add their figures."""
    for library, values in scores.items():
        mean = statistics.mean(values)
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        figures |= {f"{library}_mean": mean, f"{library}_std": spread}
        yield [f"{library}: return", f"{mean:,.3f} +- {spread:,.3f}", ""]
    if case.published is not None:
        figures["published_mean"] = case.published
        yield ["published: return", f"{case.published}", ""]


def _rate_rows(
    case: Case, speed: Mapping[str, Sequence[float]], figures: dict[str, Any]
) -> Iterator[list[str]]:
    """Yield the rows of the rates, and add their figures and ratios in the same round."""
    if not speed:
        return
    peer = speed["sb3"]
    figures["sb3_rate"] = statistics.median(peer)
    yield ["sb3: steps/s", f"{statistics.median(peer):,.0f}", "1.0"]
    for members, target in zip(PACKS, case.targets, strict=True):
        own = speed[f"k{members}"]
        ratio = statistics.median(mine / other for mine, other in zip(own, peer, strict=True))
        figures |= {f"k{members}_rate": statistics.median(own), f"k{members}_ratio": ratio}
        aim = f" (aim {target:.0f})" if target else ""
        named = f"segue, {plural(members, 'seed')}: steps/s"
        yield [named, f"{statistics.median(own):,.0f}", f"{ratio:.1f}{aim}"]


def main() -> None:
    parser = parser_with_quick(__doc__, "one rollout of one seed in each world, two minutes")
    parser.add_argument("--world", choices=CASES, help="only this world")
    parser.add_argument("--steps", type=int, help="environment steps of a seed, if not the world's")
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
    print(json.dumps({name: measure(name, options.steps, options.quick) for name in names}))


if __name__ == "__main__":
    main()
