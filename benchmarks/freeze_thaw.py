"""Freeze-thaw search, random search and ASHA on real training at equal environment steps.

The space is that of `sweeps/poisoned_doors.py`: five kinds of pipelines, one or two stages, with
ADVISOR's published protocol, on PoisonedDoors or on MiniGrid's LavaCrossing. The publication
trained 50 configurations of each kind; a sweep here may take the steps of `--runs` whole trials of
all kinds together (25 are a tenth of that), and a trial takes `--scale` of the published steps,
300,000 and 1,000,000. Each search runs with several seeds. The configuration that each names as
its winner is retrained on seeds that no search saw; its value is the mean return over these seeds,
in 1,000 episodes each with sampled actions, of 100 steps at most.

Its value in the search, which is of one seed that was the best of many, stands beside it. With
`--late-seeds` the search takes three quarters of the budget, and the rest trains further seeds of
its best trials, as `segue run --late-seeds` does; what these name as the winner stands in lines of
its own. The interval is 95 % of a bootstrap over the seeds of the search. Wins are counted against
random search with the same seed. With `--log FILE` each search is written to a file as it ends,
and those that the file holds are not repeated: arms may be run one after another, and a run that
is killed resumes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import numpy as np
import torch
from common import parser_with_quick
from freeze_thaw_search import ARMS, WORLDS, search
from record import publish

from segue.tune.cluster.session import ray_session, suppress_ray_warnings


def requested(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that make searches comparable."""
    given = {name: getattr(options, name) for name in ("world", "scale", "runs", "concurrency")}
    return given | {"late": options.late_seeds}


def logged(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the searches of the log that are of these options."""
    if not options.log or not options.log.exists():
        return []
    found = [json.loads(line) for line in options.log.read_text().splitlines()]
    return [
        each
        for each in found
        if requested(options).items() <= each.items()
        and each["arm"] in options.arms
        and each["seed"] in seeds_of(options)
    ]


def seeds_of(options: argparse.Namespace) -> range:
    """Return the seeds of each search."""
    return range(options.first_seed, options.first_seed + options.seeds)


def main() -> None:
    parser = parser_with_quick(__doc__, "one seed, a budget of ten short runs")
    parser.add_argument("--world", choices=tuple(WORLDS), default="doors")
    parser.add_argument("--scale", type=float, default=1.0, help="of a trial's published steps")
    parser.add_argument("--runs", type=int, default=25, help="whole trials that the budget is of")
    parser.add_argument("--concurrency", type=int, default=8, help="trials that train at once")
    parser.add_argument("--seeds", type=int, default=5, help="of each search")
    parser.add_argument("--first-seed", type=int, default=0, help="of these seeds")
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=list(ARMS))
    parser.add_argument("--late-seeds", action="store_true", help="in a quarter of the budget")
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no search after these")
    parser.add_argument("--log", type=Path, help="file of searches that have ended")
    options = parser.parse_args()
    if options.quick:
        options.scale = min(options.scale, 0.01)
        options.runs = 20 if options.late_seeds else 10
        options.seeds = 1
    torch.set_num_threads(1)
    begun = time.monotonic()
    done = logged(options)
    known = {(each["seed"], each["arm"]) for each in done}
    with suppress_ray_warnings(), ray_session(), TemporaryDirectory() as temporary:
        for seed, arm in itertools.product(seeds_of(options), options.arms):
            if (seed, arm) in known or time.monotonic() - begun > 60 * options.minutes:
                continue
            folder = Path(temporary) / f"{arm}-{seed}"
            done.append(requested(options) | search(options, seed, arm, folder))
            print(json.dumps(done[-1]), flush=True)
            if options.log:
                with options.log.open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
    report(done, options, keep=not options.quick)


def report(done: Sequence[Mapping[str, Any]], options: argparse.Namespace, keep: bool) -> None:
    """Publish the held-out values of the winners of each search."""
    names = {"held_out": ""} | ({"late_seeds": ", late seeds"} if options.late_seeds else {})
    others = [each for each in done if each["arm"] == "random"]
    rows = []
    figures: dict[str, Any] = {"searches": done}
    for name, arm in itertools.product(names, options.arms):
        found = [each for each in done if each["arm"] == arm]
        if found:
            label = arm + names[name]
            cells, figures[label] = summary(found, others, name)
            rows.append([label, *cells])
    title = f"{WORLDS[options.world][0]}, held-out return of the winner"
    title += f", {budget(options):,} steps a search"
    columns = ("search", "mean", "95 %", "in the search", "wins", "trials, complete")
    publish(record_name(options), command(options), title, columns, rows, figures, keep=keep)


def summary(
    found: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], name: str
) -> tuple[list[str], dict[str, Any]]:
    """Return the cells and the figures of searches, whose values are of that name."""
    values = [each[name] for each in found]
    low, high = interval(values)
    mean = float(np.mean(values))
    random = {each["seed"]: each[name] for each in others}
    compared = [each for each in found if each["seed"] in random]
    wins = sum(each[name] > random[each["seed"]] for each in compared)
    trials, complete = (np.mean([each[key] for each in found]) for key in ("trials", "complete"))
    cells = [
        f"{mean:.3f}",
        f"[{low:.3f}, {high:.3f}]",
        f"{np.mean([each['searched'] for each in found]):.3f}",
        f"{wins} of {len(compared)}",
        f"{trials:.0f}, {complete:.0f}",
    ]
    return cells, {"mean": mean, "low": low, "high": high, "wins": wins}


def budget(options: argparse.Namespace) -> int:
    """Return the environment steps that a search may take, late seeds included."""
    runs: int = options.runs
    return runs * int(options.scale * WORLDS[options.world][1])


def record_name(options: argparse.Namespace) -> str:
    """Return the name of the record in `benchmarks/results/`."""
    scale = f"_{options.scale:g}" if options.scale != 1 else ""
    late = "_late_seeds" if options.late_seeds else ""
    seeds = f"_from_seed_{options.first_seed}" if options.first_seed else ""
    return f"freeze_thaw_{options.world}{scale}{late}{seeds}"


def command(options: argparse.Namespace) -> str:
    """Return the command that publishes this record."""
    return (
        f"benchmarks/freeze_thaw.py --world {options.world} --scale {options.scale:g}"
        f" --runs {options.runs} --concurrency {options.concurrency} --seeds {options.seeds}"
        + (f" --first-seed {options.first_seed}" if options.first_seed else "")
        + (" --late-seeds" if options.late_seeds else "")
        + (f" --arms {' '.join(options.arms)}" if set(options.arms) != set(ARMS) else "")
    )


def interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean."""
    draws = np.random.default_rng(0).choice(values, (10_000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
