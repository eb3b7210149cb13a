"""`segue record`: the demonstrations of an expert, in a file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from segue.cli.shared.arguments import as_place
from segue.cli.shared.output import check_target, print_line

if TYPE_CHECKING:
    from segue.worlds.demonstrations import Recording


def command(
    world: Annotated[
        str, typer.Argument(help="World with an expert, such as MiniGrid-DoorKey-5x5-v0.")
    ],
    episodes: Annotated[int, typer.Option(help="Number of episodes.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of all episodes.")] = 0,
    lanes: Annotated[int, typer.Option(help="Number of parallel environments.")] = 16,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. Default: demonstrations/WORLD.npz.", callback=as_place),
    ] = None,
    success_only: Annotated[
        bool, typer.Option("--success-only", help="Leave out unsuccessful episodes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> int:
    """Record demonstrations of a world's expert for behaviour cloning.

    The same arguments record the same episodes.
    """
    from segue.worlds.demonstrations import record_episodes, write_recording

    console = Console()
    path = out or Path("demonstrations") / f"{world.replace('/', '-').replace(':', '-')}.npz"
    _check_path(path, force)
    with _progress(console) as progress:
        task = progress.add_task("Recording", total=episodes)
        recording = record_episodes(
            world,
            episodes,
            seed,
            lanes=lanes,
            success_only=success_only,
            on_progress=lambda done: progress.update(task, completed=done),
        )
    try:
        write_recording(path, recording)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be written ({error.strerror or error}): choose another --out."
        ) from error
    _print_result(console, path, recording)
    return 0


def _check_path(path: Path, force: bool) -> None:
    """Raise ValueError unless the file can be written."""
    if path.suffix != ".npz":
        raise ValueError(f"--out {path} is not an .npz file: give a name that ends in .npz.")
    existing = next(folder for folder in path.absolute().parents if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ValueError(f"{existing} is not writable: choose another --out.")
    check_target(path, "choose another --out")
    if path.exists() and not force:
        raise ValueError(f"{path} exists: choose another --out, or overwrite it with --force.")


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _print_result(console: Console, path: Path, recording: "Recording") -> None:
    """Print the file, its contents, and the code with which a stage uses it."""
    about = recording.about
    means = [name for name in about if name in ("return", "length", "success")]
    facts = [f"{about['episodes']:,} episodes", f"{about['steps']:,} steps"]
    facts += [f"mean {name} {about[name]:.3g}" for name in means]
    if about["dropped"]:
        facts.append(f"{about['dropped']:,} episodes left out")
    lines = [
        f"{path} ({path.stat().st_size / 1024:,.0f} KiB)",
        f"  {', '.join(facts)}",
        "In a stage of a pipeline:",
        "  offpolicy_component=OffPolicyPipelineComponent(",
        f'      Builder(Demonstrations, {{"path": "{path}"}}),',
        '      ["cloning"], updates=4,',
        "      data_iterator_kwargs_generator=member_keywords)",
    ]
    print_line(console, "\n".join(lines))
