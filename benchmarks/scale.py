"""The driver's cost as a function of the number of workers and of planned trials.

Every trial makes ten reports and trains nothing. The sweep is a grid, so that all of its trials are
planned in the study from the start, with stage-aware ASHA as its scheduler. Each cell is a separate
driver. The CPU time of the driver is measured from the end of the tenth trial to the end of the
last. One cell has forty reports per trial; the difference is the cost of a report. Memory is the
driver's peak.

In one more cell, trials train for a moment, eight side by side in each of two workers.

For comparison, Ray's published scalability target is 10,000 trials of one second on 16 CPUs in less
than 800 s. All of them pass through one driver: the most expensive cell gives its cost for 10,000
such trials with ten reports each.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import numpy as np
import ray
from common import parser_with_quick, ppo_pipeline
from driver_cost import pipeline, trains_nothing
from ray import tune
from record import publish
from rich.console import Console

from segue import Evaluation, Options, Sweep, TrainingPipeline, run_sweep
from segue.tune.cluster.session import ray_session
from segue.tune.study.record import StudyRecord

REPORTS = 10
MORE_REPORTS = 40
WARM_UP = 10
WORKERS = (1, 4, 16)
TRIALS = (100, 500, 2_000)
LANES = 2
STEPS = 16  # of a rollout where trials train
ROWS = 8
USUAL_WORKERS = 4
USUAL_TRIALS = 500
TARGET_MS = 5.0
RAYS_TRIALS = 10_000
RAYS_SECONDS = 800


class Counted:
    """CPU time of the driver, wall time and number of reports at the end of each trial."""

    def __init__(self) -> None:
        self.reports = 0
        self.ends: list[tuple[float, float, int]] = []
        for name in ("report", "stop", "complete"):
            setattr(StudyRecord, name, self._around(name, getattr(StudyRecord, name)))

    def _around(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **keywords: Any) -> Any:
            result = method(*arguments, **keywords)
            self.reports += name == "report"
            if name != "report":
                self.ends.append((time.process_time(), time.perf_counter(), self.reports))
            return result

        return counted


def momentary(lr: float, gae_lambda: float) -> TrainingPipeline:
    """Return a stage of as many rollouts as a trial has reports, of 16 steps each."""
    return ppo_pipeline(
        lr,
        REPORTS * STEPS,
        gae_lambda=gae_lambda,
        num_mini_batch=1,
        update_repeats=1,
        num_steps=STEPS // LANES,
        save_interval=0,
        metric_accumulate_interval=STEPS,
    )


def cell(workers: int, trials: int, reports: int, rows: int = 1) -> dict[str, float]:
    """Measure one driver with so many planned trials, on a Ray with so many nominal CPUs.

    With `rows` above 1, so many trials train side by side in each worker.
    """
    counted = Counted()
    trains = rows > 1
    sweep = Sweep(
        pipeline=momentary if trains else pipeline,
        space={"lr": 1e-3, "gae_lambda": tune.grid_search(np.linspace(0.5, 1.0, trials).tolist())},
        world="CartPole-v1",
        evaluation=Evaluation(STEPS, 1, max_episode_steps=4) if trains else Evaluation(1_000),
        lanes=LANES,
        rows=rows,
        scheduler="stage_asha",
    )
    with (
        TemporaryDirectory(dir="/tmp", prefix="s") as folder,
        Path(os.devnull).open("w") as nowhere,
    ):
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        ray.init(num_cpus=workers, include_dashboard=False, _temp_dir=folder, **quiet)
        with ray_session():
            run_sweep(
                sweep,
                "scale",
                Path(folder) / "run",
                Options(concurrency=workers * rows),
                console=Console(file=nowhere),
                runner=None if trains else trains_nothing(reports),
            )
        ray.shutdown()
    assert len(counted.ends) == trials
    processor, wall, reported = np.subtract(counted.ends[-1], counted.ends[WARM_UP - 1]).tolist()
    return {
        "trial_ms": 1000 * processor / (trials - WARM_UP),
        "reports": reported / (trials - WARM_UP),
        "wall_s": wall,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(workers: int, trials: int, reports: int = REPORTS, rows: int = 1) -> dict[str, float]:
    """Measure a cell in a separate process."""
    numbers = map(str, (workers, trials, reports, rows))
    command = [sys.executable, __file__, "--cell", *numbers]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = parser_with_quick(__doc__, "two cells of few trials")
    parser.add_argument("--cell", nargs=4, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(cell(*options.cell)))
        return
    cells = {(workers, USUAL_TRIALS) for workers in WORKERS} | {
        (USUAL_WORKERS, trials) for trials in TRIALS
    }
    usual = (2, 60) if options.quick else (USUAL_WORKERS, USUAL_TRIALS)
    found = {each: measured(*each) for each in sorted({usual} if options.quick else cells)}
    many = measured(2, usual[1] if options.quick else max(TRIALS), rows=ROWS)
    report(found, found[usual], measured(*usual, MORE_REPORTS), many, keep=not options.quick)


def report(
    found: Mapping[tuple[int, int], Mapping[str, float]],
    usual: Mapping[str, float],
    longer: Mapping[str, float],
    side_by_side: Mapping[str, float],
    keep: bool,
) -> None:
    """Publish the cells, the cost of one more report, and the driver's cost of Ray's target."""
    figures: dict[str, Any] = {
        f"{workers} workers, {trials} trials": cell for (workers, trials), cell in found.items()
    }
    figures["more reports"] = longer
    figures[f"2 workers x {ROWS} rows, training"] = side_by_side
    rows = [[name, *(f"{value:,.1f}" for value in cell.values())] for name, cell in figures.items()]
    one_more = (longer["trial_ms"] - usual["trial_ms"]) / (longer["reports"] - usual["reports"])
    seconds = max(cell["trial_ms"] for cell in found.values()) / 1000 * RAYS_TRIALS
    print(f"One more report costs the driver {one_more:.1f} ms (target {TARGET_MS:.0f}).")
    print(
        f"{RAYS_TRIALS:,} trials of {REPORTS} reports: {seconds:,.0f} s of the driver (Ray's"
        f" target: {RAYS_SECONDS} s)"
    )
    columns = ("", "driver, ms per trial", "reports per trial", "wall, s", "memory, MB")
    published = {**figures, "report_ms": one_more, "seconds_of_10000": seconds}
    publish("scale", " ".join(sys.argv), "Cost of the driver", columns, rows, published, keep)


if __name__ == "__main__":
    main()
