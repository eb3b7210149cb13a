"""The commands of Segue, and the exit codes with which they end."""

import gc
import sys
from collections.abc import Callable
from errno import EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOTDIR, EPERM, EROFS
from functools import partial
from typing import Annotated, Any

import typer

from segue.base.output import guarded_output, open_standard_files
from segue.base.text import error_text, printable
from segue.cli import (
    cluster,
    compare,
    jobs,
    record,
    report,
    run,
    show,
    steer,
    zoo,
)
from segue.cli.trained import play, rerun, retrain

FAILED = 1
REFUSED = 2
_OF_PATHS = (EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOTDIR, EPERM, EROFS)
_SHOWN = 100  # characters of a path in a sentence
INTERRUPTED = 130
# The base class of all errors of the command line, for which Typer has no public name.
_UsageError: Any = typer.BadParameter.__bases__[0]

_HELP = {"help_option_names": ["-h", "--help"]}
_STYLE: dict[str, Any] = {
    "context_settings": _HELP,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}

_sweeps = typer.Typer(add_completion=False, **_STYLE)
_sweeps.command()(run.command)

_everything = typer.Typer(no_args_is_help=True, **_STYLE)
_everything.command("run")(run.command)
_everything.command("show")(show.command)
_everything.command("report")(report.command)
_everything.command("compare")(compare.command)
_everything.command("retrain")(retrain.command)
_everything.command("play")(play.command)
_everything.command("rerun")(rerun.command)
_everything.command("record")(record.command)
_everything.command("zoo")(zoo.command)
_everything.command("submit", context_settings=jobs.PASSED_ON | _HELP)(jobs.submit)
_everything.command("jobs")(jobs.command)
_everything.command("add")(steer.add_trial)
_everything.command("pause")(steer.pause_sweep)
_everything.command("resume")(steer.resume_sweep)
_trials = typer.Typer(help="Stop a running trial, or end its stage.", no_args_is_help=True)
_trials.command("stop")(steer.stop_trial)
_trials.command("end-stage")(steer.end_stage_of_trial)
_everything.add_typer(_trials, name="trial")
_clusters = typer.Typer(help="Check cluster files.", no_args_is_help=True)
_clusters.command("check")(cluster.check)
_clusters.callback()(lambda: None)  # without it, Typer takes a single command for the group itself
_everything.add_typer(_clusters, name="cluster")


def _show_version(requested: bool) -> None:
    if requested:
        from segue import __version__

        print(f"segue {__version__}")
        raise typer.Exit


@_everything.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Hyperparameter sweeps over staged reinforcement-learning pipelines."""


def main(arguments: list[str] | None = None) -> None:
    """Run `segue run` with the arguments of the command line, and exit with its code.

    The code is 0 for success; 1 if every trial failed, the run ended early (time limit, full disk)
    or standard output could not be written; 2 for a refusal, with one sentence on stderr; 130 for
    an interruption, after which the same command resumes the run.
    """
    _exit_with(_sweeps, arguments)


def segue(arguments: list[str] | None = None) -> None:
    """Run the command that the arguments name, and exit with its code; see `main` for the codes."""
    # Its name, under `python -m segue` too: shells complete after this word.
    _exit_with(partial(_everything, prog_name="segue"), arguments)


def _exit_with(app: Callable[..., int | None], arguments: list[str] | None) -> None:
    open_standard_files()
    with guarded_output() as output:
        code = _code_of(app, arguments)
    if output.problem is not None:
        print(f"Standard output could not be written: {output.problem.strerror}.", file=sys.stderr)
        code = code or FAILED
    sys.exit(code)


def _code_of(app: Callable[..., int | None], arguments: list[str] | None) -> int:
    try:
        return app(arguments, standalone_mode=False) or 0
    except (ValueError, _UsageError) as error:
        message = error.format_message() if isinstance(error, _UsageError) else str(error)
        if message:  # empty where the help was shown because no command was given
            print(printable(message, lines=True), file=sys.stderr)
        return REFUSED
    except (OSError, RecursionError, Warning) as error:
        reason = _refusal(error)
        if reason is None:
            raise
        print(printable(reason), file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    finally:
        if arguments is not None:  # a program called, and may live on; see `paused_collector`
            gc.unfreeze()


def _refusal(error: OSError | RecursionError | Warning) -> str | None:
    """Return the sentence for an error that what was typed explains; None for any other."""
    if isinstance(error, Warning):
        return (
            f"A warning was raised as an error ({error_text(error)}): leave PYTHONWARNINGS=error"
            " and `python -W error` out."
        )
    if isinstance(error, RecursionError):
        return "A path or a file is nested too deeply to be read: use one with fewer levels."
    if error.errno not in _OF_PATHS or error.filename is None:
        return None
    name = str(error.filename)
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
    return f"{shown} cannot be used ({error.strerror}): give another path."
