"""Run one trial with a trainer of the user's own in its directory, or resume it there.

The order of a report, and what an attempt resumes from, are those of `segue.train.trials.trial`.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segue.base.lock import ORPHAN_SECONDS, locked
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.stages import TrainerSteps, trainer_plan
from segue.record.layout import TrialLayout
from segue.record.row import Row
from segue.train.own.signals import TrainerError, TrialEnded
from segue.train.own.spec import TrainerSpec
from segue.train.own.stored import StoredTrial
from segue.train.own.trial import Trial
from segue.train.trials.attempt import ReportCallback
from segue.train.trials.log import TrialLog


def run_trainer(
    trainer: Callable[[Any], object],
    parameters: Mapping[str, Any],
    directory: Path | str,
    *,
    steps: TrainerSteps,
    seeds: Sequence[int] = (0,),
    metric: str = "return",
    device: str = "cpu",
    world: Any = None,
    evaluation: Evaluation | None = None,
) -> Row:
    """Train one trial without a sweep, to its end, and return its last row.

    This tries a trainer, and trains the winner of a sweep again. Rows and checkpoints are written
    into the directory as those of a sweep's trial are, and the same call resumes from them.

    Arguments:
        trainer: A function of a `Trial`, or a class that is made with one and has a method `train`.
        parameters: What the space would give.
        directory: Where the trial is stored.
        steps: Environment steps of one seed, of one stage or of several.
        seeds: The seeds that the trainer trains.
        metric: The metric that it reports.
        device: "cpu" or "cuda".
        world: What `trial.world` is.
        evaluation: What `trial.evaluation` is.

    Raises what `run_own_trial` raises.
    """
    rows: list[Row] = []
    spec = TrainerSpec(
        trainer,
        trainer_plan(steps),
        parameters,
        seeds,
        metric=metric,
        device=device,
        world=world,
        evaluation=evaluation,
    )
    run_own_trial(spec, Path(directory), report=rows.append)
    return rows[-1]


def run_own_trial(
    spec: TrainerSpec,
    directory: Path,
    *,
    report: ReportCallback = lambda row: None,
    should_preempt: Callable[[], bool] = lambda: False,
    accept_changes: bool = False,
) -> None:
    """Call the trainer with a trial, from its newest checkpoint if there is one.

    Arguments:
        report: Called with each row after it is on the disk; may return a decision.
        should_preempt: Once it returns True, Preempted is raised after the next report.
        accept_changes: Whether what another trial wrote in the directory is moved aside.

    Raises what the trainer raises; TrainerError for one that returns before the end of the trial;
    ValueError for a directory that holds another trial's checkpoint; LockedError when another
    process trains in the directory; SystemExit, once the trainer has returned, if `report` did.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stored = StoredTrial(spec, directory)
    with (
        locked(TrialLayout(directory).lock, wait_seconds=ORPHAN_SECONDS),
        tempfile.TemporaryDirectory() as scratch,
    ):
        row = stored.resume(accept_changes)
        total = stored.env_steps * len(spec.seeds)
        curves = len(spec.seeds) if spec.log_seeds else 0
        with TrialLog(directory, stored.env_steps, total, seeds=curves) as log:
            trial = Trial(spec, stored, log, report, should_preempt, Path(scratch))
            if row is not None:
                trial.repeat(row)
            if not trial.should_stop:
                _train(spec, trial)
    if trial.stopped_by is not None:
        raise trial.stopped_by


def _train(spec: TrainerSpec, trial: Trial) -> None:
    try:
        if isinstance(spec.trainer, type):
            spec.trainer(trial).train()
        else:
            spec.trainer(trial)
    except TrialEnded:
        return
    except Exception:
        if not trial.should_stop:
            raise
        traceback.print_exc()  # the trial has ended, and what it reported counts
    if not trial.should_stop:
        raise TrainerError(_too_early(spec, trial))


def _too_early(spec: TrainerSpec, trial: Trial) -> str:
    if not trial.env_steps:
        return (
            f"The trainer {spec.name} returned without a report: let it call"
            f" trial.report(env_steps, {trial.metric}) until trial.should_stop."
        )
    return (
        f"The trainer {spec.name} returned after {trial.env_steps:,} of {trial.steps:,} steps: let"
        " it report until trial.should_stop, or declare fewer steps in the sweep."
    )
