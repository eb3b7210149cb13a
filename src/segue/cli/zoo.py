"""`segue zoo`: a sweep file with the settings of RL Baselines3 Zoo."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from segue.base.files import write_atomic
from segue.cli.shared.arguments import as_place
from segue.cli.shared.output import check_target, print_line


def command(
    file: Annotated[
        Path,
        typer.Argument(help="The zoo's file of PPO's settings, ppo.yml.", callback=as_place),
    ],
    entry: Annotated[str, typer.Argument(help="Name of an entry, such as HalfCheetah-v4.")],
    world: Annotated[
        str | None,
        typer.Option(help="World to train on. Default: the one that the entry is named after."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. Default: standard output.", callback=as_place),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> int:
    """Write a sweep file that searches the learning rate, with the zoo's other settings for PPO.

    Settings without a counterpart are listed at its top.
    """
    from segue.zoo import read_entry, sweep_text

    text = sweep_text(read_entry(file, entry), world or entry)
    console = Console()
    if out is None:
        print_line(console, text.rstrip("\n"))
        return 0
    if out.exists() and not force:
        raise ValueError(f"{out} exists: choose another --out, or overwrite it with --force.")
    check_target(out, "choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, text)
    print_line(console, f"{out} written: segue run {out} --describe shows it.")
    return 0
