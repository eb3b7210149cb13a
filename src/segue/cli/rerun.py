"""`segue rerun`: a trial once more from its record, and whether its numbers are the same."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from segue.cli.said import say


def command(
    run: Annotated[str, typer.Argument(help="A run directory, such as runs/ppo_grid.")],
    trial: Annotated[int, typer.Option(help="The trial's number.")],
    sweep: Annotated[
        Path | None, typer.Option(help="The sweep's file; that of its name by default.")
    ] = None,
) -> int:
    """Train a trial again from its record, and say whether the numbers agree.

    Exit code 0 if every report is the same to the last bit, 1 if one is not.
    """
    from segue.record.layout import DECISIONS
    from segue.record.local_run import fetch_run
    from segue.report.data.facts import facts
    from segue.report.data.summary import read_summary
    from segue.tune.run.directory import RunDirectory
    from segue.tune.run.original_sweep import sweep_of
    from segue.tune.run.provenance import provenance
    from segue.tune.worker.rerun import rerun

    console, found = Console(), fetch_run(run, (f"{DECISIONS}/",))
    summary, kept = read_summary(found.path), RunDirectory(found.path, found.store)
    parameters = next((each.parameters for each in facts(summary) if each.number == trial), None)
    if parameters is None:
        raise ValueError(f"{run} has no trial {trial}: `segue show {run}` lists those it has.")
    asked = sweep_of(kept, sweep)
    for line in _changes(summary.definition.runs[-1], provenance()):
        say(console, line)
    directory = kept.rerun(trial, f"{datetime.now():%Y%m%d-%H%M%S}")
    say(console, f"Training trial {trial} again, in {directory}")

    def heard(row: Mapping[str, Any]) -> None:
        say(console, f"  {row['env_steps']:,} steps: {summary.metric} {row[summary.metric]:.4g}")

    compared, difference = rerun(asked, kept, trial, parameters, directory, heard)
    if difference is None:
        say(console, f"The same: all {compared} reports agree to the last bit.")
        return 0
    say(
        console,
        f"Not the same: at {difference.env_steps:,} steps {difference.name} was"
        f" {difference.recorded}, and is now {difference.now}.",
    )
    return 1


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What numbers may depend on and is not what it was, a line each."""
    before, after = then.get("versions", {}), now["versions"]
    lines = [
        f"{name} was {before.get(name)}, and is {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    others = [name for name in ("python", "commit", "machine") if then.get(name) != now[name]]
    return lines + [f"{name} was {then.get(name)}, and is {now[name]}" for name in others]
