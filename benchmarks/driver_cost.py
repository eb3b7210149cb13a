"""What a trial costs the driver: 300 trials of 3 stages that learn nothing, through Tune, the study
written to disk.

A trial reports at the end of each of its stages, writes its rows and stands in for training by
nothing at all. The sweep is judged by stage-aware ASHA and proposed by TPE, two trials at a time,
workers reused. The clock runs from the end of the tenth trial to the end of the last, so that the
start of Ray and of the workers counts for no one; where the time goes is told by clocks around the
study's methods and by the processor time of the driver.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ray import tune
from rich.console import Console
from torch import optim

from segue.base.files import append_row
from segue.experiment_utils import Builder, PipelineStage, TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.train import PPO
from segue.tune.drive import Options, run_sweep
from segue.tune.study.record import StudyRecord

TRIALS, WARM_UP, STAGES, STEPS, TARGET_MS = 300, 10, 3, 1_000, 150.0
_TOTAL = STAGES * STEPS
_WRITES = ("propose", "begin", "report", "note_stages", "stop", "complete")


def pipeline(lr: float, gae_lambda: float) -> TrainingPipeline:
    """Three stages of PPO."""
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=STEPS) for _ in range(STAGES)],
        optimizer_builder=Builder(optim.Adam, {"lr": lr}),
        num_mini_batch=1,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=10,
        gamma=0.99,
        use_gae=True,
        gae_lambda=gae_lambda,
        advance_scene_rollout_period=None,
        save_interval=STEPS,
        metric_accumulate_interval=STEPS,
    )


def trains_nothing(reports: int) -> Callable[..., None]:
    """In place of training: so many rows, evenly over the stages."""

    def run(
        sweep: Sweep,
        parameters: Mapping[str, Any],
        directory: Path,
        *,
        device: str,
        report: Callable[[dict[str, Any]], Any],
    ) -> None:
        for index in range(1, reports + 1):
            step, stage = index * _TOTAL // reports, STAGES * (index - 1) // reports
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
    """Seconds spent in each of the study's methods, and when trials ended. Methods that call each
    other count once.
    """

    def __init__(self) -> None:
        self.seconds, self.ends, self._inside = dict.fromkeys(_WRITES, 0.0), list[float](), False

    def attach(self) -> None:
        """Around the methods of the class."""
        for name in _WRITES:
            setattr(StudyRecord, name, self._timed(name, getattr(StudyRecord, name)))

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **keywords: Any) -> Any:
            if self._inside:
                return method(*arguments, **keywords)
            self._inside, began = True, time.perf_counter()
            try:
                return method(*arguments, **keywords)
            finally:
                self._inside = False
                self.seconds[name] += time.perf_counter() - began
                if name in ("stop", "complete"):
                    self.ends.append(time.perf_counter())

        return timed


def driver_cost(trials: int = TRIALS) -> dict[str, float]:
    """Milliseconds a trial: of wall time, of the driver's processor time, and in the study."""
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
    began = time.process_time()
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
    processor = time.process_time() - began
    assert len(clocks.ends) == trials
    wall = (clocks.ends[-1] - clocks.ends[WARM_UP - 1]) / (trials - WARM_UP)
    figures = {
        "wall": wall,
        "driver": processor / trials,
        "study": sum(clocks.seconds.values()) / trials,
    }
    figures |= {name: seconds / trials for name, seconds in clocks.seconds.items()}
    return {f"{name}_ms": 1000 * seconds for name, seconds in figures.items()}
