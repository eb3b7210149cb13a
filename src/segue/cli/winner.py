"""What is written when a sweep or a retraining ends: the winner, and the report."""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from segue.cli.said import say
from segue.plan.sweep import Sweep


def write_winner(sweep: Sweep, run: Path, console: Console) -> None:
    """Write `best.json`, `best.py` and the report of a run, and say where; what cannot be written is told, and no more.

    The trials are kept whatever happens here.
    """
    for what, write in (("winner", partial(_winner, sweep)), ("report", _report)):
        try:
            write(run, console)
        except Exception as error:  # a sweep that is done has not failed
            print(f"The {what} was not written: {error}", file=sys.stderr)


def _winner(sweep: Sweep, run: Path, console: Console) -> None:
    from segue.report.export import JSON, PYTHON, Winner, export
    from segue.report.facts import facts
    from segue.report.heldout import read_comparison
    from segue.report.summary import read_summary
    from segue.tune.run_directory import RunDirectory

    summary, held_out = read_summary(run), read_comparison(run)
    complete = {trial.number: trial for trial in facts(summary) if trial.state == "complete"}
    best = held_out.configurations[0].trial if held_out else next(iter(complete), None)
    if best in complete:
        trial = complete[best]
        pipeline = sweep.pipeline(**parameters_of(sweep, trial.trained_with))
        winner = Winner(trial, pipeline, RunDirectory(run).newest_checkpoint(trial.number))
        problem = export(summary, sweep, winner, held_out)
        files = f"{run / JSON}" if problem else f"{run / JSON}, {run / PYTHON}"
        say(console, f"Winner: {files}{f' (no Python file: {problem})' * bool(problem)}")


def _report(run: Path, console: Console) -> None:
    from segue.cli.report import write
    from segue.report.summary import read_summary

    say(console, f"Report: {write(read_summary(run), run)}")


def parameters_of(sweep: Sweep, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of the pipeline function for what the study has recorded."""
    from segue.tune.asked_space import of_recorded

    return of_recorded(sweep, recorded)
