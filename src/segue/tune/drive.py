"""A run of a sweep on the driver's side: the sweep is checked, its run is opened, trials train."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from segue.base.output import guarded_output
from segue.plan.sweeps.sweep import Sweep
from segue.tune.checks.sweep import check_sweep
from segue.tune.open_sweep import check_options, open_sweep
from segue.tune.options.options import Options, overridden
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lease import run_at
from segue.tune.training import Training
from segue.tune.worker.solo import Runner


@dataclass(frozen=True)
class SweepResult:
    """How `run_sweep` ended: whether anything was left to train, and what ended it early."""

    run: RunDirectory
    trained: bool
    interrupted_by: int | None = None
    """The number of the signal that ended the run."""
    problem: str | None = None
    """Why the run ended before the sweep was done, in a sentence."""


def run_sweep(
    sweep: Sweep,
    name: str,
    run_directory: Path | str,
    options: Options | None = None,
    *,
    console: Console | None = None,
    runner: Runner | None = None,
    source: Path | None = None,
) -> SweepResult:
    """Run the trials of `sweep` that its run directory does not hold yet.

    `run_directory` is a directory, or the URL of one in a store. Ray is not started if nothing is
    left to train. SIGINT, SIGTERM and SIGUSR1 end the run gracefully; the next run resumes the
    trials that were running. `runner` trains one trial in place of Segue's trainer; `source` is the
    sweep's file, of which the run directory stores a copy.

    Raise ValueError, in one sentence and before anything is written, for whatever cannot work.
    """
    options = options or Options()
    console = console or Console()
    checked = check_sweep(overridden(sweep, options))
    check_options(options)
    with (
        guarded_output(drops=True),
        open_sweep(checked, name, run_at(run_directory), options, console, source) as opened,
    ):
        if opened.is_complete:
            return SweepResult(opened.directory, trained=False)
        training = Training(opened, options, console, runner)
        training.run()
        return SweepResult(opened.directory, True, training.interrupted_by, training.problem)
