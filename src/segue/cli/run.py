"""`segue run`, and `python -m sweeps.run`: chooses a sweep and how it is run, and prints."""

import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from segue.cli.paused_collector import paused_collector
from segue.cli.winner import write_winner
from segue.plan.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from segue.tune.drive import SweepResult

# Ray takes seconds to import: what needs it is imported where it is used, so that other commands
# need not wait.


def command(
    sweep: Annotated[
        str | None, typer.Argument(help="A sweep's name, or the path of a sweep file.")
    ] = None,
    describe: Annotated[
        bool, typer.Option("--describe", help="Show what would be run, and end.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option(help="How many trials, in place of the sweep's own number.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Seeds of each trial, in place of the sweep's own number.")
    ] = None,
    run_dir: Annotated[
        str | None,
        typer.Option(
            help="Where the run is kept, a folder or s3://BUCKET/NAME; runs/NAME by default."
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help=(
                "A database for the study, such as postgresql+psycopg://ME@HOST/NAME; a file by"
                " default."
            )
        ),
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Environment steps that all trials may take together.")
    ] = None,
    max_hours: Annotated[
        float | None, typer.Option(help="Hours after which this run ends, to be continued.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="End the sweep when a trial ends with this metric.")
    ] = None,
    warm_start: Annotated[
        str | None,
        typer.Option(help="A run directory, from whose finished trials the search learns."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew; an old run is moved aside.")
    ] = False,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes", help="Continue although the sweep has changed since the run began."
        ),
    ] = False,
    address: Annotated[
        str | None, typer.Option(help="A running Ray cluster; a Ray of its own by default.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Trials at a time; as many as fit by default.")
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(
            help="Of a GPU, each trial's share; auto measures what one takes. As the sweep says."
        ),
    ] = None,
    log_to: Annotated[
        list[str] | None,
        typer.Option(
            help="A service that is told of every trial: wandb or mlflow; may be repeated."
        ),
    ] = None,
    notify: Annotated[
        str | None,
        typer.Option(
            envvar="SEGUE_NOTIFY",
            help=(
                "An http(s) URL, or a shell command, that is told when the sweep ends or stalls, as"
                " JSON."
            ),
        ),
    ] = None,
) -> int:
    """Run a sweep, or continue it where it was interrupted. Without a name: list the sweeps."""
    console = Console()
    if sweep is None:
        _list(console)
        return 0
    from segue.tune.run.sweep_file import find_sweep, load_sweep

    path = find_sweep(sweep)
    with paused_collector():
        asked = load_sweep(path)
        from segue.tune.drive import Options, overridden, run_sweep

    options = Options(
        trials=trials,
        seeds=seeds,
        max_env_steps=max_steps,
        time_budget_s=None if max_hours is None else max_hours * 3600,
        target=target,
        warm_start=warm_start,
        fresh=fresh,
        accept_changes=accept_changes,
        address=address,
        concurrency=concurrency,
        gpus=_share(gpus),
        log_to=tuple(log_to or ()),
        notify=notify,
        storage=storage,
    )
    if describe:
        _describe(console, overridden(asked, options), path)
        return 0
    try:
        result = run_sweep(
            asked,
            path.stem,
            run_dir or Path("runs") / path.stem,
            options,
            console=console,
            source=path,
        )
    except KeyboardInterrupt:  # the second one, or one before there is a run
        return _interrupted(signal.SIGINT)
    return _tell(console, overridden(asked, options), result)


def _share(given: str | None) -> float | Literal["auto"] | None:
    try:
        return "auto" if given == "auto" else None if given is None else float(given)
    except ValueError as error:
        raise ValueError(f"--gpus must be a number or auto, got {given!r}.") from error


def _list(console: Console) -> None:
    from segue.tune.run.sweep_file import sweep_files, title

    files = sweep_files()
    if not files:
        console.print(
            "There are no sweeps here: put a file into the folder sweeps, or give a path.",
            highlight=False,
            markup=False,
        )
    width = max((len(name) for name in files), default=0)
    for name, path in files.items():
        console.print(
            f"{name:<{width}}  {title(path)}", highlight=False, markup=False, soft_wrap=True
        )


def _describe(console: Console, asked: Sweep, path: Path) -> None:
    from segue.report.description import describe_sweep
    from segue.tune.checks import check_sweep
    from segue.tune.run.sweep_file import title

    check_sweep(asked)
    said = describe_sweep(asked, path.stem, title(path), _remarks(asked))
    console.print(said, highlight=False, markup=False, soft_wrap=True)


def _remarks(asked: Sweep) -> list[tuple[str, str]]:
    """What the trainer has to say of the pipelines at the corners of the space."""
    from segue.train.optimizers import rule_of

    rules = [rule_of(asked.pipeline(**corner).optimizer_builder) for corner in asked.corners()]
    return [
        ("optimizer", remark) for remark in dict.fromkeys(rule.remark for rule in rules) if remark
    ]


def _tell(console: Console, asked: Sweep, result: "SweepResult") -> int:
    if not result.trained:
        console.print(
            "The sweep is complete: there is nothing left to train.", highlight=False, markup=False
        )
    try:
        found = _show(console, asked, result)
    except ValueError:
        if not result.problem:  # which may be that nothing can be read now
            raise
        found = False
    if result.interrupted_by is not None:
        return _interrupted(result.interrupted_by)
    if result.problem:
        print(result.problem, file=sys.stderr)
        return 1
    return 0 if found else 1


def _show(console: Console, asked: Sweep, result: "SweepResult") -> bool:
    """Show what came out, and write the winner and the report; whether there is a best trial."""
    from segue.record.local_run import fetch_run
    from segue.report.data.summary import read_summary, show

    run = fetch_run(result.run.store.url if result.run.store else result.run.path)
    summary = read_summary(run.path)
    show(summary, console)
    write_winner(asked, summary, run, console)
    return bool(summary.best)


def _interrupted(by: int) -> int:
    from segue.tune.run.provenance import redacted_command

    again = shlex.join(
        argument for argument in redacted_command(sys.orig_argv) if argument != "--fresh"
    )
    print(f"Interrupted. Continue with: {again}", file=sys.stderr)
    return 128 + by
