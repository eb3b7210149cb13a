"""Show a run again and again while its sweep runs."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from segue.record.local_run import LocalRun

Watch = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Do it again every so many seconds, until the sweep no longer runs.",
        min=1,
    ),
]


def watch(run: str, seconds: float | None, show: "Callable[[LocalRun, bool], None]") -> None:
    """Call `show` once, or every `seconds` until no driver runs the sweep.

    Args:
        run: A run directory, or the URL of a run, which is fetched each time.
        seconds: The time between two calls; None for a single one.
        show: Called with the run, and with whether it will be called again.
    """
    from segue.record.local_run import fetch_run, is_running

    while True:
        local_run = fetch_run(run)
        is_last = seconds is None or not is_running(local_run.path)
        show(local_run, not is_last)
        if is_last or seconds is None:
            return
        time.sleep(seconds)
