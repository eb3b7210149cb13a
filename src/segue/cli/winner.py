"""The files that are written when a sweep or a retraining ends: the winner and the report."""

import sys
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from segue.base.text import printable
from segue.cli.shared.output import print_line
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import BEST_JSON, BEST_PYTHON, REPLAYS

if TYPE_CHECKING:
    from segue.record.local_run import LocalRun
    from segue.record.study.trials import TrialSummary
    from segue.report.data.heldout import Comparison
    from segue.report.data.summary import Summary


def write_winner(sweep: Sweep, summary: "Summary", run: "LocalRun", console: Console) -> None:
    """Write `best.json`, `best.py` and the report of a run, and print their paths.

    A file that cannot be written is a message on stderr and no error: the trials are complete.
    """
    parts = (
        ("winner", partial(_winner, sweep)),
        ("replay", partial(_replay, sweep)),
        ("report", _report),
    )
    for what, write in parts:
        try:
            write(summary, run, console)
        except Exception as error:  # the sweep itself has not failed
            print(printable(f"The {what} was not written: {error}"), file=sys.stderr)


def _winner(sweep: Sweep, summary: "Summary", run: "LocalRun", console: Console) -> None:
    from segue.plan.sweeps.stages import trainer_plan_at
    from segue.report.data.heldout import read_comparison
    from segue.report.export import Winner, export
    from segue.report.export_trainer import TrainerSetup
    from segue.tune.run.directory import RunDirectory
    from segue.tune.search.define_by_run import of_recorded

    held_out = read_comparison(run.path)
    trial = _best(summary, held_out)
    if trial is None:
        return
    point = of_recorded(sweep, trial.trained_with)
    setup = (
        sweep.at(point)
        if sweep.trainer is None
        else TrainerSetup(point, trainer_plan_at(sweep.steps, point), sweep.trainer)
    )
    directory = RunDirectory(run.path, run.store)
    winner = Winner(
        trial,
        setup,
        directory.newest_checkpoint(trial.number),
        directory.best_checkpoint(trial.number),
    )
    problem = export(summary, sweep, winner, held_out)
    run.upload(BEST_JSON, BEST_PYTHON)
    files = f"{run.path / BEST_JSON}, {run.path / BEST_PYTHON}"
    if problem:
        files = f"{run.path / BEST_JSON} (no {BEST_PYTHON}: {problem})"
    print_line(console, f"Winner: {files}{run.also_stored}")


def _best(summary: "Summary", held_out: "Comparison | None") -> "TrialSummary | None":
    """Return the best complete trial, by held-out seeds if any were trained, else by the search."""
    from segue.report.data.facts import facts

    complete = {trial.number: trial for trial in facts(summary) if trial.state == "complete"}
    if held_out:
        return complete.get(held_out.configurations[0].trial)
    return next(iter(complete.values()), None)


def _replay(sweep: Sweep, summary: "Summary", run: "LocalRun", console: Console) -> None:
    """Record what other schedulers would have decided, for the report."""
    from segue.report.data.summary import read_order
    from segue.tune.schedulers.replay import replay_run

    replays = replay_run(sweep, summary.layout, summary.trials, read_order(summary))
    if replays is not None:
        replays.write(summary.layout)
        run.upload(REPLAYS)


def _report(summary: "Summary", run: "LocalRun", console: Console) -> None:
    from segue.cli.report import write

    path = write(summary, run)
    print_line(console, f"Report: {path}{run.also_stored}")
