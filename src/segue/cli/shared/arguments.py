"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[str, typer.Argument(help="Run directory, such as runs/ppo_grid, or its URL.")]
SweepFile = Annotated[
    Path | None, typer.Option(help="File of the sweep. Default: the sweep of the same name.")
]
Trial = Annotated[int | None, typer.Option(help="Number of the trial. Default: the best one.")]
