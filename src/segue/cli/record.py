"""`segue record`: an expert's demonstrations into a file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

if TYPE_CHECKING:
    from segue.worlds.demonstrations import Recording


def command(
    world: Annotated[
        str, typer.Argument(help="A world that has an expert, such as MiniGrid-DoorKey-5x5-v0.")
    ],
    episodes: Annotated[int, typer.Option(help="How many episodes.")] = 100,
    seed: Annotated[int, typer.Option(help="The seed that all episodes come from.")] = 0,
    lanes: Annotated[int, typer.Option(help="Environments side by side.")] = 16,
    out: Annotated[
        Path | None, typer.Option(help="The file; demonstrations/WORLD.npz by default.")
    ] = None,
    success_only: Annotated[
        bool, typer.Option("--success-only", help="Leave out episodes without success.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> int:
    """Record an expert's demonstrations.

    For behaviour cloning; the same numbers record the same episodes.
    """
    from segue.worlds.demonstrations import record, write_recording

    console = Console()
    path = out or Path("demonstrations") / f"{world.replace('/', '-').replace(':', '-')}.npz"
    if path.suffix != ".npz":
        raise ValueError(
            f"The demonstrations would go to {path}: give --out a name that ends in .npz."
        )
    existing = next(folder for folder in path.absolute().parents if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ValueError(f"Nothing can be written in {existing}: choose another --out.")
    if path.exists() and not force:
        raise ValueError(f"{path} exists: choose another --out, or replace it with --force.")
    with _progress(console) as progress:
        task = progress.add_task("Recording", total=episodes)
        recording = record(
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
            f"{path} could not be written ({error.strerror or error}): choose another --out."
        ) from error
    _tell(console, path, recording)
    return 0


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _tell(console: Console, path: Path, recording: "Recording") -> None:
    about = recording.about
    means = [name for name in about if name in ("return", "length", "success")]
    facts = [f"{about['episodes']:,} episodes", f"{about['steps']:,} steps"]
    facts += [f"mean {name} {about[name]:.3g}" for name in means]
    if about["dropped"]:
        facts.append(f"{about['dropped']:,} episodes dropped")
    lines = [
        f"{path} ({path.stat().st_size / 1024:,.0f} KiB)",
        f"  {', '.join(facts)}",
        "In a pipeline's stage:",
        "  offpolicy_component=OffPolicyPipelineComponent(",
        f'      Builder(Demonstrations, {{"path": "{path}"}}),',
        '      ["cloning"], updates=4,',
        "      data_iterator_kwargs_generator=member_keywords)",
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
