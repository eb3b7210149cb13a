"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from segue.base.paths import Place, place


def as_place(parameter: typer.CallbackParam, value: Place | None) -> Place | None:
    """Return the path or URL that was given, with the user's folder in place of `~`.

    A shell does not expand it in `--run-dir=~/x`. Raises ValueError for an empty one.
    """
    if value is None:
        return None
    typed = parameter.opts[-1]  # for an argument, its name
    return place(typed if typed.startswith("-") else typed.upper(), value)


Run = Annotated[
    str,
    typer.Argument(help="Run directory, such as runs/ppo_grid, or its URL.", callback=as_place),
]
SweepFile = Annotated[
    Path | None,
    typer.Option(help="File of the sweep. Default: the sweep of the same name.", callback=as_place),
]
Trial = Annotated[int | None, typer.Option(help="Number of the trial. Default: the best one.")]
