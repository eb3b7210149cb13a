"""The results of early stopping, replayed on learning curves of trials that were trained before.

`python benchmarks/replay.py TABLE.tsv ...` reads tables of published trials, one line per trial:
`env` (the task), `exp_type` (the pipeline), `config_kwargs_str` (JSON; `TF_RATIO` is the share of
the steps in the first of two stages), `train_steps` and `reward` (JSON lists with one entry per
checkpoint). The configurations of a pipeline in a task are a pool. In each resample a pool is
shuffled and 4 workers train its trials, reporting each checkpoint, until the environment steps of
10, 20 or 30 full runs are spent; a trial starts only if it could run to its end. Regret is the best
final reward in the pool minus the best among the trials that ran to their end, as a fraction of the
range of final rewards in the task. It is averaged over pools, separately for pipelines with two
stages and others, with the standard error over resamples.

"random" stops nothing, "ray_asha" is `ray.tune`'s ASHAScheduler over plain environment steps, and
"stage_asha" is Segue's StageASHA: the same objects as in live sweeps, called through the same
method. Both start at the first checkpoint and keep a third. The last line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import json
import math
import random
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from record import publish

from segue.tune.schedulers.stage_asha import StageASHA

BUDGETS = (10, 20, 30)
WORKERS = 4
RESAMPLES = 200
FACTOR = 3
KINDS = ("two_stage", "single_stage")
SCHEDULERS = ("random", "ray_asha", "stage_asha")
_NEEDED = ("env", "exp_type", "config_kwargs_str", "train_steps", "reward")


@dataclass(frozen=True)
class Curve:
    """The reports of a trained trial, the last of which is its result."""

    steps: tuple[int, ...]
    rewards: tuple[float, ...]
    boundary: float | None  # the steps at which the first of two stages ends

    def report(self, index: int) -> dict[str, Any]:
        """Return the report of a checkpoint. The end of a stage need not have a checkpoint."""
        step = self.steps[index]
        boundary = self.boundary
        in_second = boundary is not None and step > boundary
        return {
            "env_steps": step,
            "reward": self.rewards[index],
            "stage": int(in_second),
            "stages": 1 if boundary is None else 2,
            "stage_steps": step - boundary if in_second and boundary is not None else step,
            "stage_done": False,
            "training_iteration": index + 1,
        }


@dataclass(frozen=True)
class Pool:
    """Configurations of one task, and the range of final rewards in that task."""

    curves: Sequence[Curve]
    range: float

    @property
    def best(self) -> float:
        """The best final reward; diverged runs have none."""
        return max(curve.rewards[-1] for curve in self.curves if math.isfinite(curve.rewards[-1]))

    @property
    def full(self) -> int:
        """The environment steps of a full run."""
        return max(curve.steps[-1] for curve in self.curves)

    @property
    def first(self) -> int:
        """The environment steps of the first checkpoint."""
        return min(curve.steps[0] for curve in self.curves)

    def regret(self, found: float) -> float:
        """Return how much better the best of the pool is, as a fraction of the range."""
        return (self.best - found) / self.range


def make_scheduler(name: str, pool: Pool) -> TrialScheduler:
    """Return a new scheduler by its name."""
    if name == "random":
        return FIFOScheduler()
    if name == "stage_asha":
        # In a second stage the first checkpoint is at any distance from its start: three quarters
        # of an interval include most of them.
        return StageASHA(pool.first * 3 // 4, FACTOR, metric="reward", mode="max")
    return ASHAScheduler(
        "env_steps",
        "reward",
        "max",
        pool.full,
        pool.first,
        FACTOR,
        brackets=1,
        stop_last_trials=False,
    )


def play(pool: Pool, scheduler: TrialScheduler, budget: int, seed: int) -> float:
    """Spend the steps of `budget` full runs, and return the best final reward found."""
    draw = random.Random(seed)
    waiting = draw.sample(pool.curves, len(pool.curves))
    left = budget * pool.full
    found = -float("inf")
    running = _Running(draw)
    while True:
        while waiting and len(running) < WORKERS and left >= pool.full:
            trial = SimpleNamespace(trial_id=str(len(waiting)), curve=waiting.pop())
            scheduler.on_trial_add(None, trial)
            left -= pool.full  # the most it can take; unused steps are returned
            running.advance(trial, 0)
        if not running:
            return found
        trial, index = running.next()
        row = trial.curve.report(index)
        is_last = index == len(trial.curve.steps) - 1
        stopped = scheduler.on_trial_result(None, trial, row) == TrialScheduler.STOP
        if is_last and math.isfinite(row["reward"]):
            found = max(found, row["reward"])
        if is_last or stopped:
            scheduler.on_trial_complete(None, trial, row)
            left += pool.full - row["env_steps"]
        else:
            running.advance(trial, index + 1)


class _Running:
    """Running trials, ordered by the time of their next reports.

    Time is measured in steps, with a random speed of 0.9 to 1.1 for each report.
    """

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._now = 0.0
        self._count = 0
        # Time, order among equal times, trial, and index of the report.
        self._queue: list[tuple[float, int, Any, int]] = []

    def __len__(self) -> int:
        return len(self._queue)

    def advance(self, trial: Any, index: int) -> None:
        """Train a trial up to its next report."""
        steps = trial.curve.steps
        duration = (steps[index] - (steps[index - 1] if index else 0)) * self._draw.uniform(
            0.9, 1.1
        )
        self._count += 1
        heapq.heappush(self._queue, (self._now + duration, self._count, trial, index))

    def next(self) -> tuple[Any, int]:
        """Return the trial that reports next, and the index of the report."""
        self._now, _, trial, index = heapq.heappop(self._queue)
        return trial, index


def read(path: Path) -> dict[str, list[Pool]]:
    """Return the pools of a table by kind. Raise ValueError if the file is not such a table."""
    csv.field_size_limit(sys.maxsize)
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    if not lines or any(name not in lines[0] for name in _NEEDED):
        raise ValueError(
            f"{path} is not a table of trials: it needs the columns {', '.join(_NEEDED)}."
        )
    pools: dict[str, list[Pool]] = {kind: [] for kind in KINDS}
    for task in sorted({line["env"] for line in lines}):
        trials: dict[str, list[Curve]] = {}
        for line in lines:
            if line["env"] == task and json.loads(line["reward"] or "[]"):
                trials.setdefault(line["exp_type"], []).append(curve(line))
        finals = [
            each.rewards[-1]
            for curves in trials.values()
            for each in curves
            if math.isfinite(each.rewards[-1])
        ]
        for curves in trials.values():
            kind = "single_stage" if curves[0].boundary is None else "two_stage"
            pools[kind].append(Pool(curves, (max(finals) - min(finals)) or 1.0))
    return pools


def curve(line: dict[str, str]) -> Curve:
    """Return the curve of a line.

    Of checkpoints that are less than 1 % of a run apart, only the last is used.
    """
    steps = json.loads(line["train_steps"])
    rewards = json.loads(line["reward"])
    share = json.loads(line["config_kwargs_str"]).get("TF_RATIO")
    used = [
        i
        for i, step in enumerate(steps)
        if i + 1 == len(steps) or steps[i + 1] - step > 0.01 * steps[-1]
    ]
    boundary = None if share is None else float(share) * steps[-1]
    return Curve(
        tuple(int(steps[i]) for i in used), tuple(float(rewards[i]) for i in used), boundary
    )


def regrets(pools: Iterable[Pool], name: str, budget: int, resamples: int) -> list[float]:
    """Return the mean regret over pools, for each resample."""
    played = [
        [pool.regret(play(pool, make_scheduler(name, pool), budget, seed)) for pool in pools]
        for seed in range(resamples)
    ]
    return [statistics.mean(each) for each in played]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", type=Path, metavar="TABLE.tsv")
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--keep", action="store_true", help="write a record to benchmarks/results")
    options = parser.parse_args()
    try:
        read_tables = [read(path) for path in options.tables]
    except (OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    figures: dict[str, Any] = {}
    for kind in KINDS:
        pools = [pool for table in read_tables for pool in table[kind]]
        figures[kind] = {
            str(budget): {
                name: summary(regrets(pools, name, budget, options.resamples))
                for name in SCHEDULERS
            }
            for budget in BUDGETS
            if pools
        }
    rows = [
        [
            f"{kind.replace('_', ' ')}, {budget} runs",
            *(f"{each[name][0]:.4f} ± {each[name][1]:.4f}" for name in SCHEDULERS),
        ]
        for kind in KINDS
        for budget, each in figures[kind].items()
    ]
    command = " ".join(["benchmarks/replay.py", *(path.name for path in options.tables)])
    publish(
        "replay",
        command,
        "Regret ± standard error",
        ("pool", *SCHEDULERS),
        rows,
        figures,
        keep=options.keep,
    )


def summary(values: Sequence[float]) -> list[float]:
    """Return mean and standard error."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return [round(statistics.mean(values), 5), round(spread / len(values) ** 0.5, 5)]


if __name__ == "__main__":
    main()
