"""`segue report`: a run as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from segue.plan.packages import needs


def command(
    run: Annotated[Path, typer.Argument(help="A run directory, such as runs/ppo_grid; its sweep may still run.")],
    out: Annotated[Path | None, typer.Option(help="The file; RUN/report.html by default.")] = None,
) -> int:
    """Write what came out of a sweep so far as one HTML page, which opens without a network."""
    from segue.report.summary import read_summary

    summary = read_summary(run)
    with needs("report", "A report"):
        from segue.report.page import FILE, write_report
    path = out or run / FILE
    try:
        write_report(summary, path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}): choose another file with --out.") from error
    Console().print(f"Report: {path}", highlight=False, markup=False, soft_wrap=True)
    return 0
