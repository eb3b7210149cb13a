"""A sweep of real trials, some of which misbehave, and what is needed to disturb its workers."""

import time
from pathlib import Path
from typing import Any

from ray import tune
from torch.optim import Adam

from segue.base.files import read_rows
from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.builder import Builder
from segue.record.row import FORKED_FROM, Row
from segue.train import PPO

STEPS = 10_240
FIRST = 4_096  # of the first stage
REPORTS = 10  # of a trial
LRS = (3e-4, 1e-3, 3e-3)
KINDS = ("plain", "raises", "diverges", "hangs")
TRIALS = len(LRS) * len(KINDS)


class Misbehaves(EarlyStoppingCriterion):
    """Raises, or hangs until its process is killed, which it does once in a run."""

    def __init__(self, kind: str, mark: str) -> None:
        self.kind = kind
        self.mark = mark

    def __call__(self, stage_steps: int, total_steps: int, training_metrics: Any) -> bool:
        if total_steps >= STEPS // 2:
            if self.kind == "raises":
                raise ZeroDivisionError("mine")
            if self.kind == "hangs" and not Path(self.mark).exists():
                Path(self.mark).touch()
                time.sleep(3600)
        return False


def side_by_side(mark: Path, **given: Any) -> Sweep:
    """Trials of which a third of each kind misbehave; `mark` says that one has hung.

    Those of one rate have their first stage in common, but for the ones that diverge.
    """
    text = str(mark)

    def pipeline(lr: float, kind: str) -> TrainingPipeline:
        return TrainingPipeline(
            named_losses={"ppo": PPO()},
            pipeline_stages=[
                PipelineStage(["ppo"], max_stage_steps=FIRST),
                PipelineStage(
                    ["ppo"],
                    max_stage_steps=STEPS - FIRST,
                    early_stopping_criterion=Misbehaves(kind, text),
                ),
            ],
            optimizer_builder=Builder(Adam, {"lr": 1e30 if kind == "diverges" else lr}),
            num_mini_batch=2,
            update_repeats=2,
            max_grad_norm=0.5,
            num_steps=16,
            gamma=0.99,
            use_gae=True,
            gae_lambda=0.95,
            advance_scene_rollout_period=None,
            save_interval=STEPS // 20,
            metric_accumulate_interval=STEPS // 20,
        )

    requested: dict[str, Any] = {
        "pipeline": pipeline,
        "space": {"lr": tune.grid_search(list(LRS)), "kind": tune.grid_search(list(KINDS))},
        "world": "CartPole-v1",
        "evaluation": Evaluation(every=STEPS // REPORTS, episodes=2, max_episode_steps=200),
        "retries": 1,
    }
    return Sweep(**(requested | given))


def workers_of(path: Path) -> dict[int, set[int]]:
    """Return the trials of a run that are being trained, by the identifier of the process."""
    found: dict[int, set[int]] = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = link.readlink()
        except OSError:
            continue
        if target.name == "lock" and target.parent.parent == path / "trials":
            found.setdefault(int(link.parts[2]), set()).add(int(target.parent.name))
    return found


def rows_of(path: Path, number: int) -> list[Row]:
    """Return what a trial has reported, without the marks of what it has adopted."""
    found = read_rows(path / "trials" / f"{number:04d}" / "results.jsonl")
    return [{name: row[name] for name in row if name != FORKED_FROM} for row in found]


def adopted_of(path: Path) -> dict[int, int]:
    """Return which trial trained the first stage of which."""
    found = {}
    for file in sorted(path.glob("trials/*/results.jsonl")):
        for row in read_rows(file):
            if row.get(FORKED_FROM) is not None:
                found[int(file.parent.name)] = row[FORKED_FROM]
    return found


def reports_of(path: Path) -> int:
    """Return how many reports all trials have made."""
    return sum(len(read_rows(file)) for file in path.glob("trials/*/results.jsonl"))
