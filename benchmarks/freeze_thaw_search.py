"""One search of `freeze_thaw.py`: the sweep, its late seeds, and the value of its winner."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from common import NEVER, train
from rich.console import Console

from segue import Evaluation, Sweep, Trainer, run_sweep
from segue.cli.trained.late_seeds import LateSeeds
from segue.record.local_run import fetch_run
from segue.report.data.facts import facts
from segue.report.data.heldout import read_comparison
from segue.report.data.summary import read_summary
from segue.tune.code.sweep_file import load_sweep
from segue.tune.options.options import Options

if TYPE_CHECKING:
    import argparse

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
    result = run_sweep(sweep, "search", folder, console=silent())
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


def play_late_seeds(sweep: Sweep, late: LateSeeds, folder: Path) -> dict[str, Any]:
    """Train further seeds of the best trials of a search; return the parameters of their best."""
    code = late.train(sweep, fetch_run(folder), Options(), silent())
    comparison = read_comparison(folder)
    if code or comparison is None:
        raise RuntimeError(f"the late seeds of {folder} ended with code {code}")
    return dict(comparison.configurations[0].parameters)


def silent() -> Console:
    """Return a console that prints nothing."""
    return Console(file=io.StringIO())


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


def search(options: argparse.Namespace, seed: int, arm: str, folder: Path) -> dict[str, Any]:
    """Run a search, and return what it did and the values of its winners."""
    sweep = sweep_of(options, seed, arm)
    late = LateSeeds.of(sweep) if options.late_seeds else None
    begun = time.monotonic()
    searched = replace(sweep, max_env_steps=late.search_steps) if late else sweep
    parameters, counts = play(searched, folder)
    found: dict[str, Any] = {"seed": seed, "arm": arm, "kind": parameters["kind"]} | counts
    found["held_out"] = held_out(sweep, parameters)
    if late:
        named = play_late_seeds(sweep, late, folder)
        found["late_kind"] = named["kind"]
        is_same = named == parameters
        found["late_seeds"] = found["held_out"] if is_same else held_out(sweep, named)
    return found | {"minutes": (time.monotonic() - begun) / 60}
