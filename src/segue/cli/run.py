"""`segue run`, and `python -m sweeps.run`: run a sweep, describe it, or list the sweeps."""

import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.main import get_command

from segue.base.text import printable
from segue.cli.shared.arguments import as_place
from segue.cli.shared.options import options_of, with_options
from segue.cli.shared.output import print_line
from segue.cli.shared.paused_collector import paused_collector
from segue.cli.trained.late_seeds import LateSeeds
from segue.cli.winner import write_winner
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import REPORT
from segue.tune.options.options import DECLARED, Options, overridden

if TYPE_CHECKING:
    from segue.plan.sweeps.points.corners import Corners
    from segue.record.local_run import LocalRun
    from segue.tune.drive import SweepResult

# Ray takes seconds to import: modules that need it are imported where they are used.


@with_options(*DECLARED)
def command(
    sweep: Annotated[
        str | None,
        typer.Argument(help="Name of a sweep, or path of a sweep file.", callback=as_place),
    ] = None,
    describe: Annotated[
        bool, typer.Option("--describe", help="Show what would be run, and exit.")
    ] = False,
    run_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Directory of the run, or s3://BUCKET/NAME. Default: runs/NAME.",
            callback=as_place,
        ),
    ] = None,
    late_seeds: Annotated[
        bool,
        typer.Option(
            "--late-seeds",
            help="Spend the last quarter of the steps on further seeds of the two to four best"
            " trials, which then decide about the winner.",
        ),
    ] = False,
    **options: Any,
) -> int:
    """Run a sweep, or resume it where it was interrupted. Without a name, list the sweeps."""
    console = Console()
    if sweep is None:
        _list(console)
        return 0
    from segue.tune.code.sweep_file import find_sweep, load_sweep

    given = options_of(options)
    path = find_sweep(sweep)
    with paused_collector():
        requested = overridden(load_sweep(path), given)
    late = LateSeeds.of(requested) if late_seeds else None
    if describe:
        _describe(console, requested, path, late)
        return 0
    if late is not None:
        given = replace(given, max_steps=late.search_steps)
        requested = overridden(requested, given)
    return _run(console, requested, path, run_dir, given, late)


def parse_options(arguments: Sequence[str]) -> Options:
    """Return the options among the arguments of `segue run`, the sweep's name included.

    Raise the parser's usage error, or ValueError, for an option that is unknown or wrong.
    """
    app = typer.Typer()
    app.command()(command)
    parsed = get_command(app).make_context("segue run", list(arguments)).params
    return options_of({name: parsed[name] for name in DECLARED})


def _run(
    console: Console,
    sweep: Sweep,
    path: Path,
    run_dir: str | None,
    options: Options,
    late: LateSeeds | None,
) -> int:
    with paused_collector():
        from segue.tune.drive import run_sweep

    directory = run_dir or Path("runs") / path.stem
    try:
        result = run_sweep(sweep, path.stem, directory, options, console=console, source=path)
    except KeyboardInterrupt:  # the second one, or one before there is a run
        return _interrupted(signal.SIGINT)
    code = _report(console, sweep, result)
    if not code and late is not None:
        code = late.train(sweep, _local(result), options, console)
    if not code:
        _send_report(result, path.stem, options)
    return code


def _send_report(result: "SweepResult", name: str, options: Options) -> None:
    """Send the report of a sweep that has ended to the logging services that follow it."""
    from segue.tune.observers.services import send_report

    report = _local(result).path / REPORT
    if options.log_to and report.exists():
        send_report(options.log_to, name, result.run, report)


def _list(console: Console) -> None:
    from segue.tune.code.sweep_file import sweep_files, title

    files = sweep_files()
    if not files:
        print_line(
            console, "There are no sweeps here: put a file into the folder sweeps, or give a path."
        )
    width = max((len(name) for name in files), default=0)
    for name, path in files.items():
        print_line(console, f"{name:<{width}}  {title(path)}")


def _describe(console: Console, sweep: Sweep, path: Path, late: LateSeeds | None) -> None:
    with paused_collector():
        from segue.report.description import describe_sweep
        from segue.tune.checks.sweep import check_sweep
        from segue.tune.code.sweep_file import title
        from segue.tune.schedulers.explanation import explained
        from segue.tune.sharing import explained_sharing

    checked = check_sweep(sweep)
    corners = checked.corners
    scheduler = explained(sweep, corners, checked.search.name)
    remarks = _remarks(corners)
    if checked.search.reason:
        remarks.insert(0, ("search", str(checked.search)))
    if sharing := explained_sharing(sweep, checked.search.name):
        remarks.append(("first stages", sharing))
    if late is not None:
        remarks.append(("late seeds", str(late)))
    print_line(console, describe_sweep(sweep, corners, path.stem, title(path), scheduler, remarks))


def _remarks(corners: "Corners") -> list[tuple[str, str]]:
    """Return the trainer's remarks on the pipelines at the corners of the space, by kind."""
    from segue.train.optimizers import rule_of

    rules = [rule_of(pipeline.optimizer_builder) for pipeline in corners.pipelines]
    remarks = dict.fromkeys(rule.remark for rule in rules)
    return [("optimizer", remark) for remark in remarks if remark]


def _report(console: Console, sweep: Sweep, result: "SweepResult") -> int:
    """Show the results, and return the exit code."""
    if not result.trained:
        print_line(console, "The sweep is complete: there is nothing left to train.")
    try:
        has_best = _show(console, sweep, result)
    except ValueError:
        if not result.problem:  # the problem may be that nothing can be read now
            raise
        has_best = False
    if result.interrupted_by is not None:
        return _interrupted(result.interrupted_by)
    if result.problem:
        print(printable(result.problem), file=sys.stderr)
        return 1
    return 0 if has_best else 1


def _show(console: Console, sweep: Sweep, result: "SweepResult") -> bool:
    """Show the results, write the winner and the report, and return whether a trial is best."""
    from segue.report.data.summary import read_summary
    from segue.report.overview import show

    run = _local(result)
    summary = read_summary(run.path)
    show(summary, console)
    write_winner(sweep, summary, run, console)
    return bool(summary.best)


def _local(result: "SweepResult") -> "LocalRun":
    from segue.record.local_run import fetch_run

    return fetch_run(result.run.store.url if result.run.store else result.run.path)


def _interrupted(signal_number: int) -> int:
    from segue.tune.code.provenance import redacted_command

    command = _as_typed([part for part in redacted_command(sys.orig_argv) if part != "--fresh"])
    print(f"Interrupted. Resume with: {shlex.join(command)}", file=sys.stderr)
    return 128 + signal_number


def _as_typed(command: list[str]) -> list[str]:
    """Return a command line without the interpreter of `segue`, and its path where it is found."""
    script = command[1] if len(command) > 1 else ""
    if Path(script).name != "segue":
        return command
    return ["segue" if shutil.which("segue") else script, *command[2:]]
