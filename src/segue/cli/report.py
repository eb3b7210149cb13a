"""`segue report`: a run as one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from segue.base.extras import optional_dependency
from segue.cli.shared.arguments import Run, as_place
from segue.cli.shared.output import check_target, print_line
from segue.cli.shared.watching import Watch
from segue.cli.shared.watching import watch as watch_run
from segue.record.layout import REPORT

if TYPE_CHECKING:
    from segue.record.local_run import LocalRun
    from segue.report.data.summary import Summary

_ADVICE = "choose another file with --out"


def command(
    run: Run,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. Default: RUN/report.html.", callback=as_place),
    ] = None,
    watch: Watch = None,
) -> int:
    """Write the results so far as one HTML page that needs no network.

    With --watch, an open page loads itself again as often as it is written.
    """
    from segue.report.data.summary import read_summary

    if out is not None:
        check_target(out, _ADVICE)
    console = Console()

    def show(local_run: "LocalRun", again: bool) -> None:
        refresh = watch if again else None
        path = write(read_summary(local_run.path), local_run, out, refresh)
        also_stored = "" if out else local_run.also_stored
        if not again:
            print_line(console, f"Report: {path}{also_stored}")

    watch_run(run, watch, show)
    return 0


def write(
    summary: "Summary", run: "LocalRun", out: Path | None = None, refresh: float | None = None
) -> Path:
    """Write the report of a run and return its path.

    With `refresh`, an open page loads itself again after so many seconds.

    Raises ValueError if the file cannot be written or an optional package is missing.
    """
    with optional_dependency("report", "A report"):
        from segue.report.page.page import write_report
    path = out or run.path / REPORT
    try:
        write_report(summary, path, refresh)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}): {_ADVICE}.") from error
    if out is None:
        run.upload(REPORT)
    return path
