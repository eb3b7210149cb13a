"""`segue show`: the trials of a run, or one of them in full."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from segue.base.text import printable
from segue.cli.shared.arguments import Run
from segue.cli.shared.output import print_line
from segue.cli.shared.watching import Watch
from segue.cli.shared.watching import watch as watch_run

if TYPE_CHECKING:
    from segue.record.local_run import LocalRun
    from segue.record.study.trials import TrialSummary
    from segue.report.data.summary import Summary


def command(
    run: Run,
    trial: Annotated[int | None, typer.Option(help="Show only the trial of this number.")] = None,
    top: Annotated[int, typer.Option(help="Number of trials to show.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print all trials as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all trials as CSV.")] = False,
    watch: Watch = None,
) -> int:
    """Show the trials of a run, best first, also while the sweep is running."""
    if as_json and as_csv:
        raise ValueError("--json and --csv exclude each other: give one of them.")
    if watch is not None and (as_json or as_csv):
        raise ValueError("--watch shows a table: leave --json and --csv out.")
    console = Console()

    def show(local_run: "LocalRun", again: bool) -> None:
        if watch is not None:
            console.clear()
        _show(local_run, run, trial, top, as_json, as_csv)

    watch_run(run, watch, show)
    return 0


def _show(
    local_run: "LocalRun", run: str, trial: int | None, top: int, as_json: bool, as_csv: bool
) -> None:
    from segue.report import tables
    from segue.report.data.facts import facts
    from segue.report.data.summary import read_summary

    summary = read_summary(local_run.path)
    trials = facts(summary)
    if trial is not None:
        trials = [each for each in trials if each.number == trial]
        if not trials:
            raise ValueError(f"{run} has no trial {trial}: `segue show {run}` lists its trials.")
    if as_json or as_csv:
        for line in tables.problems(summary, trials):
            print(printable(line), file=sys.stderr)
    if as_json:
        print(tables.as_json(summary, trials))
    elif as_csv:
        print(tables.as_csv(summary, trials), end="")
    elif trial is not None:
        tables.show_trial(summary, trials[0], Console())
    else:
        _show_all(summary, trials, top)


def _show_all(summary: "Summary", trials: "list[TrialSummary]", top: int) -> None:
    from segue.record.local_run import is_running
    from segue.report import tables
    from segue.report.data.commands import commands
    from segue.report.overview import progress_line

    console = Console()
    print_line(console, progress_line(summary))
    if is_running(summary.run):
        print_line(console, "The sweep is running.")
    tables.show_trials(summary, trials, top, console)
    for line in tables.problems(summary, trials):
        print_line(console, line)
    for line in commands(summary):
        print_line(console, f"  {line}")
