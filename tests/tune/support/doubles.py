"""A sweep whose trials are a learning curve and a sleep, in place of training; kept as training
keeps its own.
"""

import hashlib
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray import tune
from torch.optim import Adam

from segue.base.files import append_row, read_rows, write_atomic, write_rows
from segue.base.lock import locked
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.spaces.domains import grid_points
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.builder import Builder
from segue.train import PPO

EVERY = 100
CONFIG = {"trial": 7, "recorded": {"first_steps": 400, "lr": 3e-4, "gae_lambda": 0.95}}
"""What Tune gives the worker of trial 7."""
GRID = {
    "first_steps": tune.grid_search([400, 800]),
    "lr": tune.grid_search([1e-4, 3e-4, 1e-3, 3e-3]),
    "gae_lambda": tune.grid_search([0.8, 0.95]),
}
TRIALS = 10  # of the drivers' sweep: its 8 points, and 2 that are proposed
FAILS_AT = {"lr": 3e-4, "gae_lambda": 0.95}  # where the drivers' trials break
MIXED = {
    "first_steps": 400,
    "lr": tune.loguniform(1e-5, 1e-2),
    "gae_lambda": tune.uniform(0.7, 1.0),
}


def pipeline(first_steps: int, lr: float, gae_lambda: float) -> TrainingPipeline:
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[
            PipelineStage(loss_name=["ppo"], max_stage_steps=first_steps),
            PipelineStage(loss_name=["ppo"], max_stage_steps=1200 - first_steps),
        ],
        optimizer_builder=Builder(Adam, {"lr": lr}),
        num_mini_batch=1,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=10,
        gamma=0.99,
        use_gae=True,
        gae_lambda=gae_lambda,
        advance_scene_rollout_period=None,
        save_interval=EVERY,
        metric_accumulate_interval=EVERY,
    )


def forking_pipeline(first_steps: int, lr: float, gae_lambda: float) -> TrainingPipeline:
    """The pipeline of the double, of which `gae_lambda` affects only the second stage."""
    made = pipeline(first_steps, lr, 0.95)
    first, second = made.pipeline_stages
    later = PipelineStage(["ppo"], max_stage_steps=second.max_stage_steps, gae_lambda=gae_lambda)
    return TrainingPipeline(
        made.named_losses, [first, later], made.optimizer_builder, training_settings=made
    )


def make_sweep(**given: Any) -> Sweep:
    """A sweep of the double: a grid of 16 points, 12 reports each, under ASHA."""
    asked: dict[str, Any] = {
        "pipeline": pipeline,
        "space": GRID,
        "world": "CartPole-v1",
        "evaluation": Evaluation(every=EVERY),
        "seeds": 2,
        "scheduler": "asha",
    }
    return Sweep(**(asked | given))


def driven_sweep(**given: Any) -> Sweep:
    """The sweep of the drivers: half of the grid, then proposals, one trial at a time."""
    points = grid_points({**GRID, "first_steps": 400})
    asked = {"space": MIXED, "points": points, "trials": TRIALS, "concurrency": 1}
    return make_sweep(**(asked | given))


def make_runner(
    seconds: float = 0.0,
    fails_at: Mapping[str, Any] | None = None,
    dies_at: tuple[str, int] | None = None,
    hangs: tuple[int, int] = (0, 0),
    teardown: float = 0.0,
) -> Callable[..., None]:
    """A runner that takes `seconds` between reports, and `teardown` seconds to end.

    It raises at the third report where the parameters hold all of `fails_at`; it kills its own
    process one time in a run at `dies_at`, ("row" | "checkpoint" | "report", step). `hangs`: at
    which step, and how many times in a run.
    """

    def run(
        sweep: Sweep,
        parameters: Mapping[str, Any],
        directory: Path,
        *,
        device: str,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        with locked(directory / "lock", wait_seconds=20.0):
            results = directory / "results.jsonl"
            reached = read_checkpoint(directory)
            kept = [row for row in read_rows(results) if row["env_steps"] <= reached]
            write_rows(results, kept)
            if kept:
                report({**kept[-1], "replayed": True})
            for step in range(reached + EVERY, 1200 + EVERY, EVERY):
                time.sleep(seconds)
                hang(directory, hangs, step)
                if fails_at and step == 3 * EVERY and fails_at.items() <= parameters.items():
                    raise FloatingPointError("The metric 'return' is nan after 300 steps.")
                row = learning_curve(sweep, parameters, step)
                append_row(results, row)
                append_row(directory / "executed.jsonl", {"step": step})
                die(directory, dies_at, "row", step)
                write_checkpoint(directory, step)
                die(directory, dies_at, "checkpoint", step)
                try:
                    report(row)
                finally:
                    time.sleep(teardown if sys.exc_info()[0] or step == 1200 else 0.0)
                die(directory, dies_at, "report", step)

    return run


def learning_curve(sweep: Sweep, parameters: Mapping[str, Any], step: int) -> dict[str, Any]:
    quality = (
        1 - 0.4 * abs(math.log10(parameters["lr"] / 5e-4)) - abs(parameters["gae_lambda"] - 0.93)
    )
    value = quality * (1 - math.exp(-step / 500)) + 1e-6 * parameters["first_steps"]
    per_seed = [value + 0.01 * (seed - (sweep.seeds - 1) / 2) for seed in range(sweep.seeds)]
    in_second = step > parameters["first_steps"]
    return {
        sweep.metric: value,
        "metric_per_seed": per_seed,
        "env_steps": step,
        "total_env_steps": step * sweep.seeds,
        "stage": int(in_second),
        "stages": 2,
        "stage_steps": step - parameters["first_steps"] * in_second,
        "stage_done": step in (parameters["first_steps"], 1200),
        "final": step == 1200,
        "evaluation": {sweep.metric: value},
    }


def write_checkpoint(directory: Path, step: int) -> None:
    body = json.dumps({"step": step}).encode()
    write_atomic(
        directory / f"checkpoint-{step:06d}",
        hashlib.sha256(body).hexdigest().encode() + b"\n" + body,
    )
    for old in sorted(directory.glob("checkpoint-??????"))[:-2]:
        old.unlink()


def read_checkpoint(directory: Path) -> int:
    for path in sorted(directory.glob("checkpoint-??????"), reverse=True):
        digest, _, body = path.read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() == digest:
            return int(json.loads(body)["step"])
        path.rename(path.with_name(f"damaged-{path.name}"))
    return 0


def hang(directory: Path, hangs: tuple[int, int], step: int) -> None:
    at, times = hangs
    marks = len(list(directory.parent.glob("hung-*")))
    if step == at and marks < times:
        (directory.parent / f"hung-{marks}").touch()
        time.sleep(3600)


def die(directory: Path, dies_at: tuple[str, int] | None, point: str, step: int) -> None:
    mark = directory.parent / f"died-{point}"
    if dies_at == (point, step) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
