"""How the driver's cost grows: with worker processes, and with planned trials. Nothing is learnt.

Every trial makes ten reports and stands in for training by nothing at all. The sweep is a grid, so
that all its trials are planned in the study from the start; stage-aware ASHA judges it. Each cell
is a driver of its own. The processor time of the driver is counted from the end of the tenth trial
to the end of the last. One cell has forty reports a trial: what it costs more is what a report
costs. Memory is the driver's at its highest.

Beside it, Ray's published scalability target: 10,000 trials of one second on 16 processors in under
800 s. All of them pass through one driver: what 10,000 such trials would cost it, with ten reports
each, is said from the dearest cell.
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
from driver_cost import pipeline, trains_nothing
from ray import tune
from record import publish
from rich.console import Console

from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.tune.cluster.session import ray_session
from segue.tune.drive import Options, run_sweep
from segue.tune.study.record import StudyRecord

REPORTS, MORE_REPORTS, WARM_UP = 10, 40, 10
WORKERS, TRIALS = (1, 4, 16), (100, 500, 2_000)
USUAL_WORKERS, USUAL_TRIALS = 4, 500
TARGET_MS = 5.0
RAYS_TRIALS, RAYS_SECONDS = 10_000, 800


class Counted:
    """At each end of a trial, the driver's processor time, the time, and how many reports there
    were.
    """

    def __init__(self) -> None:
        self.reports = 0
        self.ends: list[tuple[float, float, int]] = []
        for name in ("report", "stop", "complete"):
            setattr(StudyRecord, name, self._around(name, getattr(StudyRecord, name)))

    def _around(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **keywords: Any) -> Any:
            answer = method(*arguments, **keywords)
            self.reports += name == "report"
            if name != "report":
                self.ends.append((time.process_time(), time.perf_counter(), self.reports))
            return answer

        return counted


def cell(workers: int, trials: int, reports: int) -> dict[str, float]:
    """One driver with so many planned trials, on a Ray that believes in so many processors."""
    counted = Counted()
    sweep = Sweep(
        pipeline=pipeline,
        space={"lr": 1e-3, "gae_lambda": tune.grid_search(np.linspace(0.5, 1.0, trials).tolist())},
        world="CartPole-v1",
        evaluation=Evaluation(every=1_000),
        scheduler="stage_asha",
    )
    with (
        TemporaryDirectory(dir="/tmp", prefix="s") as folder,
        Path(os.devnull).open("w") as nowhere,
    ):
        quietly = {"log_to_driver": False, "logging_level": logging.ERROR}
        ray.init(num_cpus=workers, include_dashboard=False, _temp_dir=folder, **quietly)
        with ray_session():
            run_sweep(
                sweep,
                "scale",
                Path(folder) / "run",
                Options(concurrency=workers),
                console=Console(file=nowhere),
                runner=trains_nothing(reports),
            )
        ray.shutdown()
    assert len(counted.ends) == trials
    processor, wall, told = np.subtract(counted.ends[-1], counted.ends[WARM_UP - 1]).tolist()
    return {
        "trial_ms": 1000 * processor / (trials - WARM_UP),
        "reports": told / (trials - WARM_UP),
        "wall_s": wall,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(workers: int, trials: int, reports: int = REPORTS) -> dict[str, float]:
    """A cell in a process of its own."""
    command = [sys.executable, __file__, "--cell", str(workers), str(trials), str(reports)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="two cells of few trials; keeps no record"
    )
    parser.add_argument("--cell", nargs=3, type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.cell:
        print(json.dumps(cell(*asked.cell)))
        return
    cells = {(workers, USUAL_TRIALS) for workers in WORKERS} | {
        (USUAL_WORKERS, trials) for trials in TRIALS
    }
    usual = (2, 60) if asked.quick else (USUAL_WORKERS, USUAL_TRIALS)
    found = {each: measured(*each) for each in sorted({usual} if asked.quick else cells)}
    report(found, found[usual], measured(*usual, MORE_REPORTS), keep=not asked.quick)


def report(
    found: Mapping[tuple[int, int], Mapping[str, float]],
    usual: Mapping[str, float],
    longer: Mapping[str, float],
    keep: bool,
) -> None:
    """Print and keep the cells, what one report more costs, and what Ray's target would take of the
    driver.
    """
    figures: dict[str, Any] = {
        f"{workers} workers, {trials} trials": cell for (workers, trials), cell in found.items()
    }
    figures["more reports"] = longer
    rows = [[name, *(f"{value:,.1f}" for value in cell.values())] for name, cell in figures.items()]
    one_more = (longer["trial_ms"] - usual["trial_ms"]) / (longer["reports"] - usual["reports"])
    seconds = max(cell["trial_ms"] for cell in found.values()) / 1000 * RAYS_TRIALS
    print(f"A report more costs the driver {one_more:.1f} ms (target {TARGET_MS:.0f}).")
    print(
        f"{RAYS_TRIALS:,} trials of {REPORTS} reports: {seconds:,.0f} s of the driver (Ray's"
        f" target: {RAYS_SECONDS} s)"
    )
    columns = ("", "driver, ms a trial", "reports a trial", "wall, s", "memory, MB")
    kept = {**figures, "report_ms": one_more, "seconds_of_10000": seconds}
    publish("scale", " ".join(sys.argv), "What a driver costs", columns, rows, kept, keep)


if __name__ == "__main__":
    main()
