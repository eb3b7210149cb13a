"""Searches replayed on learning curves of trials that were trained before.

`python benchmarks/replay.py TABLE ...` reads tables of published trials (`.tsv`, `.tsv.gz`), one
line per trial: `env` (the task, or `TASK/seedN`), `exp_type` (the pipeline), `config_kwargs_str`
(JSON; `TF_RATIO` is the share of the steps in the first of two stages), `train_steps` and `reward`
(JSON lists with one entry per checkpoint). The configurations of a pipeline in a task are a pool.
In each resample 4 workers train trials, reporting each checkpoint, until the environment steps of
10, 20 or 30 full runs are spent, 8, 16 or 32 in pools of several seeds; a trial starts or resumes
only if it could run to its end. The winner is the trial that ran to its end with the best value.

Regret is the value of the best configuration minus that of the winner's. In a pool of one seed a
value is a fraction of the range of final rewards in the task. In a pool of several ("arlbench"), a
trial has one seed, the winner's configuration is judged by the others, and values are scaled from
0, a bad configuration's, to 1, the best one's. It is averaged over pools, separately for pipelines
with two stages, others, and those of several seeds, with the standard error over resamples. With
`--mixed` all pipelines of a task are one pool ("mixed"), of which the pipeline is a parameter.

"random" stops nothing, "ray_asha" is `ray.tune`'s ASHAScheduler over plain environment steps,
"stage_asha" is Segue's StageASHA, "tpe" is Optuna's sampler without stopping, and "freeze_thaw" is
Segue's search: the same code as in live sweeps. The ASHAs start at the first checkpoint and keep a
third. With `--early shuffled` or `--early mirrored` early reports say nothing, or the opposite.
With `--last N` the winner has the best mean of its last N reports. The last line is JSON.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import optuna
from record import publish
from replay_arms import ARMS, Arm, make_arm
from replay_tables import KINDS, MIXED, Pool, read, spoiled

BUDGETS = {
    "two_stage": (10, 20, 30),
    "single_stage": (10, 20, 30),
    "arlbench": (8, 16, 32),
    MIXED: (10, 25),
}
WORKERS = 4
RESAMPLES = 20


class Play:
    """One search over a pool, and what it has trained so far. Time is measured in steps."""

    def __init__(self, pool: Pool, budget: int, seed: int, last: int = 1) -> None:
        self.draw = random.Random(seed)
        self.pool = pool
        count = len(pool.configurations)
        self.order = self.draw.sample(range(count), count)
        self.seeds = [self.draw.randrange(len(each.rewards)) for each in pool.configurations]
        self.reports = [0] * count
        self.begun: list[int] = []
        self.running: dict[int, float] = {}  # by configuration, the steps promised to it
        self._left = float(budget * pool.full)
        self._last = last  # reports by whose mean the winner is named

    @property
    def room(self) -> float:
        """The steps that are neither spent nor promised to a running trial."""
        return self._left - sum(self.running.values())

    def remaining(self, number: int) -> float:
        """Return the steps that a trial would still take."""
        return self.pool.configurations[number].steps[-1] - self._at(number, self.reports[number])

    def fits(self, number: int) -> bool:
        """Return whether the trial could run to its end."""
        return self.remaining(number) <= self.room

    def has_begun(self, number: int) -> bool:
        """Return whether the trial trains, or has reported."""
        return number in self.running or self.reports[number] > 0

    def has_ended(self, number: int) -> bool:
        """Return whether the trial has run to its end."""
        return self.remaining(number) == 0

    def report(self, number: int) -> dict[str, Any]:
        """Return the newest report of a trial."""
        one = self.pool.configurations[number]
        return one.report(self.seeds[number], self.reports[number] - 1)

    def run(self, arm: Arm) -> float:
        """Play to the end, and return the regret."""
        queue: list[tuple[float, int, int]] = []
        now = 0.0
        count = 0
        last: int | None = None
        while True:
            while len(queue) < WORKERS:
                number = arm.ask(self, last)
                last = None
                if number is None:
                    break
                count += 1
                heapq.heappush(queue, (now + self._begin(number), count, number))
            if not queue:
                return self._regret()
            now, _, last = heapq.heappop(queue)
            self._end(last)

    def _at(self, number: int, report: int) -> float:
        return float(self.pool.configurations[number].steps[report - 1]) if report else 0.0

    def _interval(self, number: int) -> float:
        done = self.reports[number]
        return self._at(number, done + 1) - self._at(number, done)

    def _begin(self, number: int) -> float:
        """Promise a trial its steps, and return how long it takes to its next report."""
        if not self.has_begun(number):
            self.begun.append(number)
        self.running[number] = self.remaining(number)
        return self._interval(number) * self.draw.uniform(0.9, 1.1)

    def _end(self, number: int) -> None:
        del self.running[number]
        self._left -= self._interval(number)
        self.reports[number] += 1

    def _regret(self) -> float:
        ended = [
            number
            for number in self.begun
            if self.has_ended(number) and math.isfinite(self.report(number)["reward"])
        ]
        found = max(ended, key=self._value, default=None)
        return self.pool.regret(found, self.seeds[found] if found is not None else 0)

    def _value(self, number: int) -> float:
        rewards = self.pool.configurations[number].rewards[self.seeds[number]][-self._last :]
        return statistics.fmean(value for value in rewards if math.isfinite(value))


def regrets(
    pools: Iterable[Pool], name: str, budget: int, resamples: int, last: int = 1
) -> list[float]:
    """Return the mean regret over pools, for each resample."""
    played = [
        [Play(pool, budget, seed, last).run(make_arm(name, pool, seed)) for pool in pools]
        for seed in range(resamples)
    ]
    return [statistics.mean(each) for each in played]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", type=Path, metavar="TABLE")
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--arms", default=",".join(ARMS), help="of these, separated by commas")
    parser.add_argument("--mixed", action="store_true", help="one pool for all pipelines of a task")
    parser.add_argument("--early", choices=("shuffled", "mirrored"), help="spoil early reports")
    parser.add_argument("--last", type=int, default=1, help="reports of which a winner has a mean")
    parser.add_argument("--keep", action="store_true", help="write a record to benchmarks/results")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = options.arms.split(",")
    if not set(names) <= set(ARMS):
        parser.error(f"--arms must be of {', '.join(ARMS)}, got {options.arms}.")
    if options.last < 1:
        parser.error(f"--last must be at least 1, got {options.last}.")
    try:
        pools = [pool for path in options.tables for pool in read(path, options.mixed)]
    except (OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    if options.early:
        pools = [spoiled(pool, options.early, index) for index, pool in enumerate(pools)]
    figures: dict[str, Any] = {}
    kinds = (MIXED,) if options.mixed else KINDS
    for kind in kinds:
        of_kind = [pool for pool in pools if pool.kind == kind]
        figures[kind] = {
            str(budget): {
                name: summary(regrets(of_kind, name, budget, options.resamples, options.last))
                for name in names
            }
            for budget in BUDGETS[kind]
            if of_kind
        }
    rows = [
        [
            f"{kind.replace('_', ' ')}, {budget} runs",
            *(f"{each[name][0]:.4f} ± {each[name][1]:.4f}" for name in names),
        ]
        for kind in kinds
        for budget, each in figures[kind].items()
    ]
    command = " ".join(["benchmarks/replay.py", *(path.name for path in options.tables)])
    command += f" --resamples {options.resamples}"
    command += " --mixed" if options.mixed else ""
    command += f" --early {options.early}" if options.early else ""
    command += f" --last {options.last}" if options.last > 1 else ""
    command += f" --arms {options.arms}" if names != list(ARMS) else ""
    columns = ("pool", *names)
    title = f"Regret ± standard error, {options.resamples} resamples"
    parts = [
        "replay",
        MIXED * options.mixed,
        options.early,
        f"last_{options.last}" * (options.last > 1),
    ]
    name = "_".join(filter(None, parts))
    publish(name, command, title, columns, rows, figures, keep=options.keep)


def summary(values: Sequence[float]) -> list[float]:
    """Return mean and standard error."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return [round(statistics.mean(values), 5), round(spread / len(values) ** 0.5, 5)]


if __name__ == "__main__":
    main()
