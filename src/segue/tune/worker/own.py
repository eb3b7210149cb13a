"""Trains a trial with a trainer of the sweep's own, in a worker."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from segue.base.files import write_atomic
from segue.base.strict_json import to_json
from segue.plan.sweeps.aggregate import aggregate_seeds
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.stages import trainer_plan_at
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import describe
from segue.record.layout import TrialLayout
from segue.train import Preempted, TrainerSpec, member_seeds, run_own_trial
from segue.train.trials.attempt import ReportCallback
from segue.tune.worker import preemption


def train_own(
    sweep: Sweep,
    parameters: Mapping[str, Any],
    directory: Path,
    *,
    device: str,
    report: ReportCallback,
    accept_changes: bool,
) -> None:
    """Train one trial to the end of its stages with the sweep's trainer, as `train_one` does."""
    spec = trainer_spec(sweep, parameters, device)
    _write_description(directory, spec)
    try:
        run_own_trial(
            spec,
            directory,
            report=report,
            should_preempt=preemption.is_requested,
            accept_changes=accept_changes,
        )
    except Preempted as preempted:
        print(preempted, flush=True)
        preemption.exit_process()  # Tune starts the trial again, in another process


def trainer_spec(sweep: Sweep, parameters: Mapping[str, Any], device: str = "cpu") -> TrainerSpec:
    """Return what the trial of these parameters is, for the sweep's trainer."""
    assert sweep.trainer is not None, "the caller has checked"
    evaluation = sweep.evaluation
    assert evaluation is None or isinstance(evaluation, Evaluation), "the sweep has checked"
    return TrainerSpec(
        sweep.trainer,
        trainer_plan_at(sweep.steps, parameters),
        parameters,
        member_seeds(sweep.seed, sweep.seeds),
        metric=sweep.metric,
        objectives=[name for name, _ in sweep.objectives if isinstance(name, str)],
        aggregate=partial(aggregate_seeds, how=sweep.aggregate, mode=sweep.mode),
        device=device,
        world=sweep.world,
        evaluation=evaluation,
        log_seeds=sweep.log_seeds,
        code=sweep.code,
    )


def _write_description(directory: Path, spec: TrainerSpec) -> None:
    """Write what the trial trains, and on what, to be shown without the sweep's code."""
    directory.mkdir(parents=True, exist_ok=True)
    facts = {
        "parameters": describe(dict(spec.parameters)),
        "device": spec.device,
        "text": spec.plan.to_text(spec.name),
    }
    write_atomic(TrialLayout(directory).trial, to_json(facts, indent=2) + "\n")
