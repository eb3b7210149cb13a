"""`segue report`: a run as one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from segue.base.extras import optional_dependency
from segue.cli.said import say
from segue.record.layout import REPORT
from segue.record.local_run import LocalRun

if TYPE_CHECKING:
    from segue.report.data.summary import Summary


def command(
    run: Annotated[
        str, typer.Argument(help="A run directory, such as runs/ppo_grid; its sweep may still run.")
    ],
    out: Annotated[Path | None, typer.Option(help="The file; RUN/report.html by default.")] = None,
) -> int:
    """Write what came out of a sweep so far as one HTML page, which opens without a network."""
    from segue.record.local_run import fetch_run
    from segue.report.data.summary import read_summary

    found = fetch_run(run)
    path = write(read_summary(found.path), found, out)
    say(Console(), f"Report: {path}{'' if out else found.also_stored}")
    return 0


def write(summary: "Summary", run: LocalRun, out: Path | None = None) -> Path:
    """Write the report and return its path; raises ValueError where it cannot be written or a
    package is missing.
    """
    with optional_dependency("report", "A report"):
        from segue.report.page.page import write_report
    path = out or run.path / REPORT
    try:
        write_report(summary, path)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be written ({error.strerror}): choose another file with --out."
        ) from error
    if out is None:
        run.upload(REPORT)
    return path
