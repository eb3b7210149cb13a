"""What is written when a sweep or a retraining ends: the winner, and the report."""

import sys
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from segue.cli.said import say
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import BEST_JSON, BEST_PYTHON
from segue.record.local_run import LocalRun

if TYPE_CHECKING:
    from segue.report.data.summary import Summary


def write_winner(sweep: Sweep, summary: "Summary", run: LocalRun, console: Console) -> None:
    """Write `best.json`, `best.py` and the report of a run, and say where; what cannot be written
    is told, and no more.

    The trials are kept whatever happens here.
    """
    for what, write in (("winner", partial(_winner, sweep)), ("report", _report)):
        try:
            write(summary, run, console)
        except Exception as error:  # a sweep that is done has not failed
            print(f"The {what} was not written: {error}", file=sys.stderr)


def _winner(sweep: Sweep, summary: "Summary", run: LocalRun, console: Console) -> None:
    from segue.report.data.facts import facts
    from segue.report.data.heldout import read_comparison
    from segue.report.export import Winner, export
    from segue.tune.run.directory import RunDirectory
    from segue.tune.search.define_by_run import of_recorded

    held_out = read_comparison(run.path)
    complete = {trial.number: trial for trial in facts(summary) if trial.state == "complete"}
    best = held_out.configurations[0].trial if held_out else next(iter(complete), None)
    if best in complete:
        trial = complete[best]
        pipeline = sweep.pipeline(**of_recorded(sweep, trial.trained_with))
        winner = Winner(
            trial, pipeline, RunDirectory(run.path, run.store).newest_checkpoint(trial.number)
        )
        problem = export(summary, sweep, winner, held_out)
        run.upload(BEST_JSON, BEST_PYTHON)
        best_json = run.path / BEST_JSON
        files = f"{best_json}" if problem else f"{best_json}, {run.path / BEST_PYTHON}"
        say(
            console,
            f"Winner: {files}{f' (no Python file: {problem})' * bool(problem)}{run.also_stored}",
        )


def _report(summary: "Summary", run: LocalRun, console: Console) -> None:
    from segue.cli.report import write

    say(console, f"Report: {write(summary, run)}{run.also_stored}")
