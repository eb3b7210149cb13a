"""What is written when a sweep or a retraining ends: the winner, and the report."""

import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from segue.cli.said import say
from segue.plan.sweep import Sweep
from segue.store.fetched import Fetched


def write_winner(sweep: Sweep, run: Fetched, console: Console) -> None:
    """Write `best.json`, `best.py` and the report of a run, and say where; what cannot be written is told, and no more.

    The trials are kept whatever happens here.
    """
    try:
        _write(sweep, run, console)
    except (OSError, ValueError) as error:
        print(f"The winner and the report were not written: {error}", file=sys.stderr)


def _write(sweep: Sweep, run: Fetched, console: Console) -> None:
    from segue.report.export import JSON, PYTHON, Winner, export
    from segue.report.facts import facts
    from segue.report.heldout import read_comparison
    from segue.report.summary import read_summary
    from segue.tune.run_directory import RunDirectory

    summary, held_out = read_summary(run.path), read_comparison(run.path)
    complete = {trial.number: trial for trial in facts(summary) if trial.state == "complete"}
    best = held_out.configurations[0].trial if held_out else next(iter(complete), None)
    if best in complete:
        trial = complete[best]
        pipeline = sweep.pipeline(**parameters_of(sweep, trial.parameters))
        winner = Winner(trial, pipeline, RunDirectory(run.path, run.store).newest_checkpoint(trial.number))
        problem = export(summary, sweep, winner, held_out)
        run.keep(JSON, PYTHON)
        files = f"{run.path / JSON}" if problem else f"{run.path / JSON}, {run.path / PYTHON}"
        say(console, f"Winner: {files}{f' (no Python file: {problem})' * bool(problem)}")
    from segue.cli.report import write

    say(console, f"Report: {write(summary, run)}")


def parameters_of(sweep: Sweep, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of the pipeline function for what the study has recorded."""
    from segue.tune.asked_space import of_recorded

    return of_recorded(sweep, recorded)
