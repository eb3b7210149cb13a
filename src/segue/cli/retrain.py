"""`segue retrain`: the best configurations on seeds that the search never saw."""

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from segue.base.files import write_atomic
from segue.cli.said import say
from segue.cli.winner import write_winner
from segue.record.layout import HELD_OUT, RETRAINED, TRIALS
from segue.record.local_run import LocalRun, fetch_run

if TYPE_CHECKING:
    from segue.plan.sweeps.sweep import Sweep
    from segue.report.data.facts import TrialFacts
    from segue.report.data.heldout import Comparison
    from segue.report.data.summary import Summary


def command(
    run: Annotated[str, typer.Argument(help="A run directory, such as runs/ppo_grid.")],
    top: Annotated[int, typer.Option(help="How many of the best configurations.", min=1)] = 3,
    seeds: Annotated[
        int, typer.Option(help="Seeds of each, none of which the search used.", min=2)
    ] = 10,
    sweep: Annotated[
        Path | None, typer.Option(help="The sweep's file; that of its name by default.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="A running Ray cluster; a Ray of its own by default.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Configurations at a time; as many as fit by default.")
    ] = None,
) -> int:
    """Retrain the best configurations on new seeds, and say which is best and how sure that is.

    A retraining that was interrupted goes on where it was.
    """
    from segue.report.data.facts import facts
    from segue.report.data.summary import read_summary
    from segue.tune.drive import run_sweep
    from segue.tune.held_out import distinct, held_out_sweep, is_of
    from segue.tune.options import Options
    from segue.tune.run.directory import RunDirectory
    from segue.tune.run.original_sweep import sweep_of

    console, found = Console(), fetch_run(run)
    summary = read_summary(found.path)
    asked = sweep_of(RunDirectory(found.path, found.store), sweep)
    complete = [trial for trial in facts(summary) if trial.state == "complete"]
    best = [complete[index] for index in distinct([trial.trained_with for trial in complete])][:top]
    if not best:
        raise ValueError(f"No trial of {run} has run to its end yet: let its sweep go on first.")
    retraining, directory = (
        held_out_sweep(asked, [trial.trained_with for trial in best], seeds),
        found.at(RETRAINED),
    )
    is_new = not is_of(directory, retraining)
    if is_new:
        say(
            console,
            f"What {directory} holds is another comparison: it is kept, with the date behind its"
            " name.",
        )
    listed = ", ".join(f"{index} is trial {trial.number}" for index, trial in enumerate(best))
    say(console, f"Retraining on {seeds} new seeds; in {directory}, {listed}.")
    storage = summary.storage if summary.definition.study else None
    options = Options(fresh=is_new, address=address, concurrency=concurrency, storage=storage)
    result = run_sweep(retraining, summary.name, directory, options, console=console)
    if result.interrupted_by is not None or result.problem:
        print(result.problem or "Interrupted: the same command goes on.", file=sys.stderr)
        return 1 if result.problem else 128 + (result.interrupted_by or signal.SIGINT)
    return _tell(console, asked, summary, best, found)


def _tell(
    console: Console, asked: "Sweep", summary: "Summary", best: "list[TrialFacts]", run: LocalRun
) -> int:
    """Write what came out, and say it."""
    from segue.report.data.heldout import HeldOut, compared

    found = _found(fetch_run(run.at(RETRAINED)).path, best)
    if not found:
        print(
            "No configuration could be retrained: see the logs in"
            f" {run.shown}/{RETRAINED}/{TRIALS}.",
            file=sys.stderr,
        )
        return 1
    configurations = [
        HeldOut(trial.number, trial.trained_with, float(trial.metric or 0.0), seeds)
        for trial, seeds in found
    ]
    known = {"mode": summary.mode, "configurations": [vars(each) for each in configurations]}
    write_atomic(summary.layout.held_out, json.dumps(known, indent=2) + "\n")
    run.upload(HELD_OUT)
    comparison = compared("min" if summary.mode == "min" else "max", configurations)
    console.print(_table(comparison, summary.metric))
    say(console, comparison.verdict)
    write_winner(asked, summary, run, console)
    return 0


def _found(
    directory: Path, best: "list[TrialFacts]"
) -> "list[tuple[TrialFacts, tuple[float, ...]]]":
    """The trials that were retrained to their end, with what each held-out seed had."""
    from segue.record.attributes import METRIC_PER_SEED
    from segue.report.data.summary import read_summary

    ended = {trial.number: trial for trial in read_summary(directory).trials if trial.values}
    return [
        (trial, tuple(ended[index].user_attrs[METRIC_PER_SEED]))
        for index, trial in enumerate(best)
        if index in ended
    ]


def _table(comparison: "Comparison", metric: str) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for column in ("trial", f"{metric} in the search", "held-out IQM", "95 %"):
        table.add_column(column, justify="right")
    for each in comparison.configurations:
        value, low, high = each.iqm
        table.add_row(
            str(each.trial), f"{each.search:.4g}", f"{value:.4g}", f"{low:.4g} to {high:.4g}"
        )
    return table
