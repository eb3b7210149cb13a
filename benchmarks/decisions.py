"""The cost of a decision of freeze-thaw search, in a sweep with 100, 300 and 1,000 trials.

The search decides on a study on disk, as in a sweep; only the reports are not trained but computed:
the parameters of a trial determine its curve, with noise. The space has nine parameters, a trial
ten reports. A pause is the decision on a report, with its record in the study; a start is the
decision of a free worker, which begins or resumes a trial. A choice is the model's part of either.
Each figure is the median over the decisions from the moment when so many trials have begun.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import numpy as np
from common import adam_pipeline
from ray import tune
from record import publish

from segue import PPO, Evaluation, PipelineStage, Sweep, TrainingPipeline
from segue.record.row import ENV_STEPS, TOTAL_ENV_STEPS
from segue.record.study.attributes import of_last_report
from segue.tune.checks.sweep import check_sweep
from segue.tune.search.freeze_thaw.choice import choose
from segue.tune.searcher import freeze_thaw as live
from segue.tune.searcher.budget import Budget
from segue.tune.study.record import StudyRecord

COUNTS = (100, 300, 1000)
MEASURED = 40  # decisions of each kind
REPORTS = 10
EVERY = 1_000  # steps
STEPS = REPORTS * EVERY
LIMITS_MS = {100: 50, 300: 50, 1000: 200}


def pipeline(
    lr: float,
    gamma: float,
    gae_lambda: float,
    clip_param: float,
    entropy_coef: float,
    value_loss_coef: float,
    max_grad_norm: float,
    epochs: int,
    mini_batches: int,
) -> TrainingPipeline:
    """Return one stage of PPO."""
    ppo = PPO(clip_param=clip_param, entropy_coef=entropy_coef, value_loss_coef=value_loss_coef)
    return adam_pipeline(
        {"ppo": ppo},
        [PipelineStage(["ppo"], STEPS)],
        lr,
        gamma=gamma,
        gae_lambda=gae_lambda,
        max_grad_norm=max_grad_norm,
        update_repeats=epochs,
        num_mini_batch=mini_batches,
        metric_accumulate_interval=EVERY,
    )


SWEEP = Sweep(
    pipeline=pipeline,
    space={
        "lr": tune.loguniform(1e-5, 1e-2),
        "gamma": tune.uniform(0.9, 1.0),
        "gae_lambda": tune.uniform(0.8, 1.0),
        "clip_param": tune.uniform(0.05, 0.5),
        "entropy_coef": tune.loguniform(1e-5, 1e-1),
        "value_loss_coef": tune.uniform(0.1, 1.0),
        "max_grad_norm": tune.uniform(0.1, 5.0),
        "epochs": tune.randint(1, 11),
        "mini_batches": tune.choice([1, 2, 4]),
    },
    world="CartPole-v1",
    evaluation=Evaluation(every=EVERY),
    search="freeze_thaw",
    scheduler=None,
    trials=COUNTS[-1] + MEASURED,
    max_env_steps=10**9,
)


class Driver:
    """A worker that trains nothing; it calls the search as Tune would, and times each call."""

    def __init__(self, folder: Path) -> None:
        self._record = StudyRecord(
            folder / "study.db", "decisions", SWEEP.mode, check_sweep(SWEEP).space
        )
        self._budget = Budget.of(SWEEP, SWEEP.requested_trials, STEPS)
        self._search = live.FreezeThaw(SWEEP, self._record, self._budget)
        self._draw = np.random.default_rng(0)
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def until(self, count: int) -> None:
        """Train until so many trials have begun."""
        while len(self._record) < count:
            self._train(self._next())

    def measure(self) -> dict[str, float]:
        """Return the milliseconds of a decision, by its kind."""
        self._seconds.clear()
        while min(len(self._seconds[kind]) for kind in ("pause", "start")) < MEASURED:
            self._train(self._next())
        return {kind: 1000 * median(self._seconds[kind]) for kind in ("choice", "pause", "start")}

    def close(self) -> None:
        """Close the study."""
        self._record.close()

    def _next(self) -> int:
        number = self.timed("start", self._search.next)()
        assert number is not None
        return int(number)

    def _train(self, number: int) -> None:
        """Train a trial until it is paused or ends, and count its steps as the searcher does."""
        self._budget.begin(self._record.trial(number), SWEEP.seeds)
        self._report(number)
        self._budget.end(number)

    def _report(self, number: int) -> None:
        reached = self._record.trial(number).last_step or 0
        for step in range(reached + EVERY, STEPS + EVERY, EVERY):
            row = self._row(number, step)
            if step == STEPS:
                found = of_last_report(row, SWEEP.metric)
                self._record.complete(number, step, row[SWEEP.metric], found)
                return
            before = time.perf_counter()
            is_paused = self._search.is_paused(number, row)
            if is_paused:
                self._seconds["pause"].append(time.perf_counter() - before)
                return
            self._record.report(number, step, row[SWEEP.metric])

    def _row(self, number: int, step: int) -> dict[str, Any]:
        point = self._record.trial(number).params
        end = -abs(np.log10(point["lr"]) + 3.5) - (point["gamma"] - 0.99) ** 2
        value = end * (1 + STEPS / step) / 2 + self._draw.normal(0, 0.1)
        return {SWEEP.metric: float(value), ENV_STEPS: step, TOTAL_ENV_STEPS: step}

    def timed(self, kind: str, called: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function with a clock around it."""

        def timed(*arguments: Any) -> Any:
            before = time.perf_counter()
            try:
                return called(*arguments)
            finally:
                self._seconds[kind].append(time.perf_counter() - before)

        return timed


def decisions() -> Mapping[int, Mapping[str, float]]:
    """Return the milliseconds of decisions, by the number of trials that have begun."""
    found = {}
    with TemporaryDirectory() as folder:
        driver = Driver(Path(folder))
        with patch.object(live, "choose", driver.timed("choice", choose)):
            for count in COUNTS:
                driver.until(count)
                found[count] = driver.measure()
        driver.close()
    return found


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = decisions()
    rows = [
        [f"{count:,}", *(f"{found[count][kind]:.0f}" for kind in found[count]), str(limit)]
        for count, limit in LIMITS_MS.items()
    ]
    publish(
        "decisions",
        "benchmarks/decisions.py",
        "Milliseconds of a decision of freeze-thaw search",
        ("trials", "choice", "pause", "start", "limit of a choice"),
        rows,
        {str(count): dict(each) for count, each in found.items()},
        keep=True,
    )


if __name__ == "__main__":
    main()
