"""The driver's cost of a trial: 300 trials of 3 stages that learn nothing, through Tune.

A trial reports at the end of each of its stages and writes its rows, but trains nothing. The sweep
uses stage-aware ASHA and TPE, two trials at a time, reused workers, and a study on disk. The clock
runs from the end of the tenth trial to the end of the last, which excludes the start of Ray and of
the workers. Clocks around the study's methods and the CPU time of the driver show where the time
goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common import adam_pipeline
from ray import tune
from rich.console import Console

from segue import PPO, Evaluation, Options, PipelineStage, Sweep, TrainingPipeline, run_sweep
from segue.base.files import append_row
from segue.tune.study.record import StudyRecord

TRIALS = 300
WARM_UP = 10
STAGES = 3
STEPS = 1_000
TARGET_MS = 150.0
_TOTAL = STAGES * STEPS
_WRITES = ("propose", "begin", "report", "record_stages", "stop", "complete")


def pipeline(lr: float, gae_lambda: float) -> TrainingPipeline:
    """Return three stages of PPO."""
    return adam_pipeline(
        {"ppo": PPO()},
        [PipelineStage(["ppo"], max_stage_steps=STEPS) for _ in range(STAGES)],
        lr,
        num_mini_batch=1,
        update_repeats=1,
        num_steps=10,
        gae_lambda=gae_lambda,
        save_interval=STEPS,
        metric_accumulate_interval=STEPS,
    )


def trains_nothing(reports: int) -> Callable[..., None]:
    """Return a runner that writes so many rows, evenly over the stages, and trains nothing."""

    def run(
        sweep: Sweep,
        parameters: Mapping[str, Any],
        directory: Path,
        *,
        device: str,
        report: Callable[[dict[str, Any]], Any],
    ) -> None:
        for index in range(1, reports + 1):
            step = index * _TOTAL // reports
            stage = STAGES * (index - 1) // reports
            row = {
                "return": parameters["gae_lambda"],
                "metric_per_seed": [parameters["gae_lambda"]],
                "env_steps": step,
                "total_env_steps": step,
                "stage": stage,
                "stages": STAGES,
                "stage_steps": step - stage * STEPS,
                "stage_done": STAGES * index // reports > stage,
                "final": index == reports,
                "evaluation": {"return": parameters["gae_lambda"]},
            }
            append_row(directory / "results.jsonl", row)
            report(row)

    return run


class Clocks:
    """Seconds spent in each of the study's methods, and the times at which trials ended.

    A method that is called by another of them is not counted again.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(_WRITES, 0.0)
        self.ends: list[float] = []
        self._is_inside = False

    def attach(self) -> None:
        """Wrap the methods of the class."""
        for name in _WRITES:
            setattr(StudyRecord, name, self._timed(name, getattr(StudyRecord, name)))

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **keywords: Any) -> Any:
            if self._is_inside:
                return method(*arguments, **keywords)
            self._is_inside = True
            start = time.perf_counter()
            try:
                return method(*arguments, **keywords)
            finally:
                self._is_inside = False
                self.seconds[name] += time.perf_counter() - start
                if name in ("stop", "complete"):
                    self.ends.append(time.perf_counter())

        return timed


def driver_cost(trials: int = TRIALS) -> dict[str, float]:
    """Return milliseconds per trial: wall time, CPU time of the driver, and time in the study."""
    clocks = Clocks()
    clocks.attach()
    sweep = Sweep(
        pipeline=pipeline,
        space={"lr": tune.loguniform(1e-4, 1e-2), "gae_lambda": tune.uniform(0.8, 1.0)},
        world="CartPole-v1",
        evaluation=Evaluation(every=STEPS),
        trials=trials,
        scheduler="stage_asha",
    )
    start = time.process_time()
    with TemporaryDirectory() as folder, Path("/dev/null").open("w") as nowhere:
        console = Console(file=nowhere)
        run_sweep(
            sweep,
            "cost",
            Path(folder) / "run",
            Options(concurrency=2),
            console=console,
            runner=trains_nothing(STAGES),
        )
    processor = time.process_time() - start
    assert len(clocks.ends) == trials
    wall = (clocks.ends[-1] - clocks.ends[WARM_UP - 1]) / (trials - WARM_UP)
    figures = {
        "wall": wall,
        "driver": processor / trials,
        "study": sum(clocks.seconds.values()) / trials,
    }
    figures |= {name: seconds / trials for name, seconds in clocks.seconds.items()}
    return {f"{name}_ms": 1000 * seconds for name, seconds in figures.items()}
