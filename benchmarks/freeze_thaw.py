"""Freeze-thaw search, random search and ASHA on real training at equal environment steps.

The space is that of `sweeps/poisoned_doors.py`: five kinds of pipelines, one or two stages, with
ADVISOR's published protocol, on PoisonedDoors or on MiniGrid's LavaCrossing. The publication
trained 50 configurations of each kind; a sweep here may take the steps of `--runs` whole trials of
all kinds together (25 are a tenth of that), and a trial takes `--scale` of the published steps,
300,000 and 1,000,000. Each search runs with several seeds. The configuration that each names as
its winner is retrained on seeds that no search saw; its value is the mean return over these seeds,
in 1,000 episodes each with sampled actions, of 100 steps at most.

Its value in the search, which is of one seed that was the best of many, stands beside it. The
interval is 95 % of a bootstrap over the seeds of the search. Wins are counted against random
search with the same seed. With `--log FILE` each search is written to a file as it ends, and those
that the file holds are not repeated: arms may be run one after another, and a run that is killed
resumes.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import numpy as np
import torch
from common import NEVER, parser_with_quick, train
from record import publish
from rich.console import Console

from segue import Evaluation, Sweep, Trainer, run_sweep
from segue.report.data.facts import facts
from segue.report.data.summary import read_summary
from segue.tune.cluster.session import ray_session, suppress_ray_warnings
from segue.tune.run.sweep_file import load_sweep

SWEEP = Path(__file__).parent.parent / "sweeps" / "poisoned_doors.py"
WORLDS = {
    "doors": ("PoisonedDoors-v0", 300_000),
    "lava": ("MiniGrid-LavaCrossingS9N2-v0", 1_000_000),
}
LONGEST = 100  # steps of an episode that is evaluated; LavaCrossing's shortest way takes up to 30
ARMS: Mapping[str, Mapping[str, Any]] = {
    "random": {"search": "random", "scheduler": None},
    "asha": {"search": "random", "scheduler": "asha"},
    "freeze_thaw": {"search": "freeze_thaw", "scheduler": None},
}
REPORTS = 10  # of a trial
MOST_TRIALS = 10  # times as many trials as whole runs may begin
HELD_OUT = 3  # seeds
WORST = -2.0  # of a configuration whose losses became NaN


def evaluation(every: int, episodes: int) -> Evaluation:
    """Return how values are measured."""
    return Evaluation(every=every, episodes=episodes, max_episode_steps=LONGEST, greedy=False)


def sweep_of(options: argparse.Namespace, seed: int, arm: str) -> Sweep:
    """Return the sweep of a search."""
    name, published = WORLDS[options.world]
    sweep = load_sweep(SWEEP)
    steps = int(options.scale * published)
    sys.modules[sweep.pipeline.__module__].TOTAL_STEPS = steps  # type: ignore[attr-defined]
    every = steps // REPORTS
    return replace(
        sweep,
        world=name,
        evaluation=evaluation(every, episodes=100),
        trials=MOST_TRIALS * options.runs,
        max_env_steps=options.runs * steps,
        seed=seed,
        concurrency=options.concurrency,
        **ARMS[arm],
    )


def play(sweep: Sweep, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a search; return the winner's parameters, and what the search did."""
    console = Console(file=io.StringIO())
    result = run_sweep(sweep, "search", folder, console=console)
    if result.problem or result.interrupted_by:
        raise RuntimeError(result.problem or f"interrupted by {result.interrupted_by}")
    trials = facts(read_summary(folder))
    complete = [trial for trial in trials if trial.state == "complete"]
    counts = {
        "trials": sum(trial.env_steps > 0 for trial in trials),
        "complete": len(complete),
        "steps": sum(trial.total_env_steps for trial in trials),
        "searched": complete[0].metric,
    }
    return dict(complete[0].parameters), counts


def held_out(sweep: Sweep, parameters: Mapping[str, Any]) -> float:
    """Return the mean return of a configuration on seeds that the search did not see."""
    setup = sweep.at(parameters)
    trainer = Trainer.new(
        [setup.pipeline] * HELD_OUT,
        setup.world,
        [10_000 + index for index in range(HELD_OUT)],
        evaluation(NEVER, episodes=1000),
        lanes=setup.lanes,
        policy=setup.policy,
    )
    train(trainer)
    return float(np.nan_to_num(trainer.evaluate()["return"], nan=WORST).mean())


def interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean."""
    draws = np.random.default_rng(0).choice(values, (10_000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def search(options: argparse.Namespace, seed: int, arm: str, folder: Path) -> dict[str, Any]:
    """Run a search, and return what it did and the value of its winner."""
    sweep = sweep_of(options, seed, arm)
    begun = time.monotonic()
    parameters, counts = play(sweep, folder)
    minutes = (time.monotonic() - begun) / 60
    value = held_out(sweep, parameters)
    kind = parameters["kind"]
    return (
        asked(options)
        | {"seed": seed, "arm": arm, "kind": kind, "minutes": minutes}
        | counts
        | {"held_out": value}
    )


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that make searches comparable."""
    return {name: getattr(options, name) for name in ("world", "scale", "runs", "concurrency")}


def logged(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the searches of the log that are of these options."""
    if not options.log or not options.log.exists():
        return []
    found = [json.loads(line) for line in options.log.read_text().splitlines()]
    return [
        each
        for each in found
        if asked(options).items() <= each.items()
        and each["arm"] in options.arms
        and each["seed"] < options.seeds
    ]


def main() -> None:
    parser = parser_with_quick(__doc__, "one seed, a budget of ten short runs")
    parser.add_argument("--world", choices=tuple(WORLDS), default="doors")
    parser.add_argument("--scale", type=float, default=1.0, help="of a trial's published steps")
    parser.add_argument("--runs", type=int, default=25, help="whole trials that the budget is of")
    parser.add_argument("--concurrency", type=int, default=8, help="trials that train at once")
    parser.add_argument("--seeds", type=int, default=5, help="of each search")
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=list(ARMS))
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no search after these")
    parser.add_argument("--log", type=Path, help="file of searches that have ended")
    options = parser.parse_args()
    if options.quick:
        options.scale = min(options.scale, 0.01)
        options.runs = 10
        options.seeds = 1
    torch.set_num_threads(1)
    begun = time.monotonic()
    done = logged(options)
    known = {(each["seed"], each["arm"]) for each in done}
    with suppress_ray_warnings(), ray_session(), TemporaryDirectory() as temporary:
        for seed, arm in itertools.product(range(options.seeds), options.arms):
            if (seed, arm) in known or time.monotonic() - begun > 60 * options.minutes:
                continue
            done.append(search(options, seed, arm, Path(temporary) / f"{arm}-{seed}"))
            print(json.dumps(done[-1]), flush=True)
            if options.log:
                with options.log.open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
    report(done, options, keep=not options.quick)


def report(done: Sequence[Mapping[str, Any]], options: argparse.Namespace, keep: bool) -> None:
    """Publish the held-out values of the winners of each search."""
    rows = []
    figures: dict[str, Any] = {}
    random = {each["seed"]: each["held_out"] for each in done if each["arm"] == "random"}
    for arm in options.arms:
        found = [each for each in done if each["arm"] == arm]
        if not found:
            continue
        values = [each["held_out"] for each in found]
        low, high = interval(values)
        wins = sum(each["held_out"] > random.get(each["seed"], np.inf) for each in found)
        mean = float(np.mean(values))
        trials = float(np.mean([each["trials"] for each in found]))
        complete = float(np.mean([each["complete"] for each in found]))
        rows.append(
            [
                arm,
                f"{mean:.3f}",
                f"[{low:.3f}, {high:.3f}]",
                f"{np.mean([each['searched'] for each in found]):.3f}",
                f"{wins} of {len(values)}",
                f"{trials:.0f}, {complete:.0f} complete",
            ]
        )
        figures[arm] = {"mean": mean, "low": low, "high": high, "wins": wins, "searches": found}
    steps = max(each["steps"] for each in done)
    title = f"{WORLDS[options.world][0]}, held-out return of the winner, {steps:,} steps a search"
    columns = ("search", "mean", "95 %", "in the search", "better than random", "trials")
    name = f"freeze_thaw_{options.world}"
    name += f"_{options.scale:g}" if options.scale != 1 else ""
    command = f"benchmarks/freeze_thaw.py --world {options.world} --scale {options.scale:g}"
    command += f" --runs {options.runs} --concurrency {options.concurrency}"
    command += f" --seeds {options.seeds}"
    publish(name, command, title, columns, rows, figures, keep=keep)


if __name__ == "__main__":
    main()
