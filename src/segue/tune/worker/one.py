"""One trial of a sweep: what it trains, its description, and its training alone."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from segue.base.files import write_atomic
from segue.base.strict_json import to_json
from segue.plan.decision import Decision, Exploit
from segue.plan.pipelines.text import shown
from segue.plan.sweeps.aggregate import aggregate_seeds
from segue.plan.sweeps.setup import functions_of_space
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import describe
from segue.record.layout import TrialLayout
from segue.record.row import Row
from segue.train import ExploitRequested, Preempted, TrialSpec, member_seeds, run_trial
from segue.tune.run.lineage import read_lineage, write_lineage
from segue.tune.search.auto import may_pause
from segue.tune.search.define_by_run import of_recorded
from segue.tune.worker import preemption
from segue.tune.worker.own import train_own

Report = Callable[[Row], Decision | None]


def train_one(
    sweep: Sweep,
    parameters: Mapping[str, Any],
    directory: Path,
    *,
    device: str,
    report: Report,
    accept_changes: bool = False,
) -> None:
    """Train one trial to the end of its pipeline, from its newest checkpoint if there is one.

    Calls `report` with each row that `segue.train.run_trial` reports, and passes its exceptions on.
    With `accept_changes`, a trial that was started with another pipeline starts from scratch, and
    its files are moved aside.
    """
    if sweep.trainer is not None:
        train_own(
            sweep,
            parameters,
            directory,
            device=device,
            report=report,
            accept_changes=accept_changes,
        )
        return
    exploit = read_lineage(TrialLayout(directory))
    while True:
        spec = described_spec(sweep, parameters, directory, exploit, device)
        try:
            run_trial(
                spec,
                directory,
                report=report,
                should_preempt=preemption.is_requested,
                exploit=exploit,
                accept_changes=accept_changes,
            )
            return
        except Preempted as preempted:
            print(preempted, flush=True)
            preemption.exit_process()  # Tune starts the trial again, in another process
        except ExploitRequested as requested:
            exploit = requested.exploit
            write_lineage(TrialLayout(directory), exploit)


def described_spec(
    sweep: Sweep,
    parameters: Mapping[str, Any],
    directory: Path,
    exploit: Exploit | None,
    device: str,
) -> TrialSpec:
    """Return what a trial trains, and write its description into its directory.

    The parameters are those of `exploit`, if the trial continues from another one's checkpoint.
    """
    keywords = of_recorded(sweep, exploit.parameters) if exploit else parameters
    spec = _trial_spec(sweep, keywords, device)
    _write_description(directory, sweep, spec, keywords)
    return spec


def _trial_spec(sweep: Sweep, parameters: Mapping[str, Any], device: str) -> TrialSpec:
    """Return what the trial of these parameters trains, and how it is evaluated."""
    setup = sweep.at(parameters)
    return TrialSpec(
        setup.pipeline,
        setup.world,
        member_seeds(sweep.seed, sweep.seeds),
        setup.evaluation,
        metric=sweep.metric,
        mode=sweep.mode,
        aggregate=partial(aggregate_seeds, how=sweep.aggregate, mode=sweep.mode),
        lanes=setup.lanes,
        policy=setup.policy,
        device=device,
        log_seeds=sweep.log_seeds,
        code=sweep.code,
        saves_at_reports=may_pause(sweep),
    )


def _write_description(
    directory: Path, sweep: Sweep, spec: TrialSpec, parameters: Mapping[str, Any]
) -> None:
    """Write what the trial trains, and on what, to be shown without the sweep's code."""
    directory.mkdir(parents=True, exist_ok=True)
    facts = {
        "parameters": describe(dict(parameters)),
        "device": spec.device,
        "text": spec.pipeline.to_text(),
        "pipeline": spec.pipeline.to_dict(),
        "setup": {
            part: shown(getattr(spec, part))
            for part in functions_of_space(sweep)
            if part != "pipeline"
        },
    }
    write_atomic(TrialLayout(directory).trial, to_json(facts, indent=2) + "\n")
