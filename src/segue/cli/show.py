"""`segue show`: the trials of a run, or one of them in full."""

from typing import Annotated

import typer
from rich.console import Console


def command(
    run: Annotated[
        str, typer.Argument(help="A run directory, such as runs/ppo_grid; its sweep may still run.")
    ],
    trial: Annotated[int | None, typer.Option(help="One trial in full, by its number.")] = None,
    top: Annotated[int, typer.Option(help="How many trials.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="All trials as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="All trials as CSV.")] = False,
) -> int:
    """Show what came out of a sweep so far: trials by value, why they ended, or one in full."""
    from segue.record.local_run import fetch_run
    from segue.report import tables
    from segue.report.data.facts import facts, is_running
    from segue.report.data.summary import commands, progress_line, read_summary

    if as_json and as_csv:
        raise ValueError("--json and --csv exclude each other: give one of them.")
    path = fetch_run(run).path
    summary = read_summary(path)
    trials = facts(summary)
    if trial is not None:
        trials = [each for each in trials if each.number == trial]
        if not trials:
            raise ValueError(f"{run} has no trial {trial}: `segue show {run}` lists those it has.")
    if as_json or as_csv:
        print(
            tables.as_json(summary, trials) if as_json else tables.as_csv(trials),
            end="\n" if as_json else "",
        )
        return 0
    console = Console()
    if trial is not None:
        tables.show_trial(summary, trials[0], console)
        return 0
    console.print(progress_line(summary), highlight=False, markup=False, soft_wrap=True)
    if is_running(path):
        console.print("The sweep is running.", highlight=False)
    tables.show_trials(summary, trials, top, console)
    for line in commands(summary):
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    return 0
