"""The doors: every command, and how mistakes leave."""

import sys
from typing import Any

import typer

from segue.cli import cluster, jobs, play, record, report, rerun, retrain, run, show

REFUSED, INTERRUPTED = 2, 130
_MisuseError: Any = typer.BadParameter.__bases__[
    0
]  # of the command line; Typer has no public name for it

_sweeps = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_sweeps.command()(run.command)

_everything = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Hyperparameter sweeps over staged reinforcement-learning pipelines.",
)
_everything.command("run")(run.command)
_everything.command("show")(show.command)
_everything.command("report")(report.command)
_everything.command("retrain")(retrain.command)
_everything.command("play")(play.command)
_everything.command("rerun")(rerun.command)
_everything.command("record")(record.command)
_everything.command("submit", context_settings=jobs.PASSED_ON)(jobs.submit)
_everything.command("jobs")(jobs.command)
_clusters = typer.Typer(help="Files of clusters.", no_args_is_help=True)
_clusters.command("check")(cluster.check)
_clusters.callback()(lambda: None)  # one command alone would be taken for the group itself
_everything.add_typer(_clusters, name="cluster")


def main(arguments: list[str] | None = None) -> None:
    """Run a sweep, continue it, describe it, or list the sweeps; exit with the code that says how
    it went.

    0: done; 1: every trial failed, or the run ended early (its time was over, the disk was full);
    2: refused, with one sentence on stderr; 130: interrupted, can be continued.
    """
    _leave(_sweeps, arguments)


def segue(arguments: list[str] | None = None) -> None:
    """All commands, by name; exit codes as in `main`."""
    _leave(_everything, arguments)


def _leave(app: typer.Typer, arguments: list[str] | None) -> None:
    try:
        code = app(arguments, standalone_mode=False) or 0
    except (ValueError, _MisuseError) as error:
        said = error.format_message() if isinstance(error, _MisuseError) else str(error)
        if said:  # help that was shown for want of a command says nothing more
            print(said, file=sys.stderr)
        code = REFUSED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)
