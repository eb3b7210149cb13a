"""`segue compare`: several runs in a table, and on one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from segue.base.extras import optional_dependency
from segue.base.text import printable
from segue.cli.shared.arguments import as_place
from segue.cli.shared.output import check_target, print_line

if TYPE_CHECKING:
    from segue.report.compare.comparison import RunComparison
    from segue.report.page.text_table import TextTable

_ADVICE = "choose another file with --out"


def command(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Run directories, or their URLs.")
    ],
    out: Annotated[
        Path,
        typer.Option(help="File of the HTML page.", callback=as_place),
    ] = Path("comparison.html"),
) -> int:
    """Compare runs: their best values over the steps spent, their winners, their definitions."""
    from segue.base.paths import place
    from segue.record.local_run import fetch_run
    from segue.report.compare.comparison import RunComparison
    from segue.report.compare.runs import read_runs

    check_target(out, _ADVICE)
    comparison = RunComparison(read_runs([fetch_run(place("RUN", run)) for run in runs]))
    console = Console()
    _show(comparison, console)
    with optional_dependency("report", "A comparison page"):
        from segue.report.compare.page import write_page
    try:
        write_page(comparison, out)
    except OSError as error:
        raise ValueError(f"{out} cannot be written ({error.strerror}): {_ADVICE}.") from error
    print_line(console, f"Comparison: {out}")
    return 0


def _show(comparison: "RunComparison", console: Console) -> None:
    from segue.report.compare.tables import all_tables, answer, basis

    print_line(console, f"{answer(comparison)}.")
    print_line(console, f"Compared on {basis(comparison)}")
    for table in all_tables(comparison):
        if table.text:
            print_line(console, table.text)
        if table.rows:
            console.print(_rich(table))


def _rich(table: "TextTable") -> Table:
    shown = Table(box=SIMPLE, pad_edge=False)
    for index, column in enumerate(table.columns):
        justify: JustifyMethod = "right" if index else "left"
        shown.add_column(Text(printable(column)), justify=justify, overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    return shown
