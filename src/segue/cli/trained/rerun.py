"""`segue rerun`: train a trial again from its record, and compare the numbers."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from segue.base.text import assignments
from segue.cli.shared.arguments import Run, SweepFile
from segue.cli.shared.output import print_line

if TYPE_CHECKING:
    from segue.record.row import Row
    from segue.report.data.summary import Summary


def command(
    run: Run,
    trial: Annotated[int, typer.Option(help="Number of the trial.")],
    sweep: SweepFile = None,
) -> int:
    """Train a trial again from its record, and compare the results.

    The exit code is 0 if all reports are equal to the last bit, else 1.
    """
    from segue.record.files.results import read_results
    from segue.record.layout import DECISIONS, RESULTS
    from segue.record.local_run import fetch_run
    from segue.record.row import ENV_STEPS
    from segue.record.validation import skipped
    from segue.report.data.summary import read_summary, trained_trial
    from segue.tune.code.provenance import provenance
    from segue.tune.run.directory import RunDirectory
    from segue.tune.run.original_sweep import sweep_of
    from segue.tune.worker.rerun import rerun

    say = partial(print_line, Console())
    local_run = fetch_run(run, (f"{DECISIONS}/",))
    summary = read_summary(local_run.path)
    recorded = RunDirectory(local_run.path, local_run.store)
    copied = trial
    trial = trained_trial(summary, copied)
    if trial != copied:
        say(f"Trial {copied} is a copy of trial {trial}, which is trained again.")
    parameters = _parameters(summary, run, trial)
    original = sweep_of(recorded, sweep)
    if summary.definition.pinned:
        say(f"Pinned, as in the run: {assignments(summary.definition.pinned)}")
    for line in _changes(summary.definition.runs[-1], provenance()):
        say(line)
    directory = recorded.rerun(trial, f"{datetime.now():%Y%m%d-%H%M%S}")
    results = read_results(recorded.trial(trial).results, summary.metric)
    for problem in (summary.problem, skipped(results.damaged, RESULTS)):
        if problem:
            say(problem)
    say(f"Training trial {trial} again, in {directory}")

    def reported(row: "Row") -> None:
        say(f"  {row[ENV_STEPS]:,} steps: {summary.metric} {row[summary.metric]:.4g}")

    compared, difference = rerun(original, recorded, trial, parameters, directory, reported)
    if difference is None:
        say(f"Equal: all {compared} reports agree to the last bit.")
        return 0
    say(
        f"Not equal: at {difference.env_steps:,} steps {difference.name} was"
        f" {difference.recorded} and is now {difference.now}."
    )
    return 1


def _parameters(summary: "Summary", run: str, trial: int) -> Mapping[str, Any]:
    """Return the parameters of a trial, or raise ValueError if the run does not have it."""
    from segue.report.data.facts import facts

    for each in facts(summary):
        if each.number == trial:
            return each.parameters
    raise ValueError(f"{run} has no trial {trial}: `segue show {run}` lists its trials.")


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a line for each change of the environment on which numbers may depend."""
    before = then.get("versions", {})
    after = now["versions"]
    versions = [(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]
    others = [(name, then.get(name), now[name]) for name in ("python", "commit", "machine")]
    return [
        f"{name} was {old} and is now {new}" for name, old, new in versions + others if old != new
    ]
