"""`segue play`: the winner at work, in numbers and in pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from segue.base.extras import optional_dependency
from segue.cli.said import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segue.train.play import Players

_KINDS = (".gif", ".mp4")


def command(
    run: Annotated[str, typer.Argument(help="A run directory, such as runs/ppo_grid.")],
    trial: Annotated[
        int | None, typer.Option(help="The trial's number; the best one by default.")
    ] = None,
    episodes: Annotated[int, typer.Option(help="Episodes of each member.", min=1)] = 20,
    seed: Annotated[
        int,
        typer.Option(
            help="The seed of the episodes, none of which was trained or judged on.", min=0
        ),
    ] = 0,
    sampled: Annotated[
        bool, typer.Option("--sampled", help="Draw actions instead of taking the likeliest.")
    ] = False,
    record: Annotated[
        Path | None, typer.Option(help="A .gif or .mp4 file of the best member's play.")
    ] = None,
    recorded_episodes: Annotated[int, typer.Option(help="How many episodes to record.", min=1)] = 3,
    fps: Annotated[int, typer.Option(help="Pictures a second.", min=1)] = 30,
    sweep: Annotated[
        Path | None, typer.Option(help="The sweep's file; that of its name by default.")
    ] = None,
) -> int:
    """Let the members of a trial play from its newest checkpoint, and record how it looks."""
    from segue.record.layout import steps_of
    from segue.record.local_run import fetch_run
    from segue.report.data.summary import read_summary
    from segue.train.play import Players
    from segue.tune.run.directory import RunDirectory
    from segue.tune.run.original_sweep import sweep_of

    if record is not None and record.suffix not in _KINDS:
        raise ValueError(
            f"The recording would go to {record}: give --record a name that ends in .gif or .mp4."
        )
    console, found = Console(), fetch_run(run)
    summary, kept = read_summary(found.path), RunDirectory(found.path, found.store)
    number = best_trial(summary) if trial is None else trial
    checkpoint = kept.newest_checkpoint(number)
    if checkpoint is None:
        raise ValueError(
            f"Trial {number} of {run} has no checkpoint: `segue show {run}` lists the trials."
        )
    asked = sweep_of(kept, sweep)
    players = Players.load(checkpoint, asked.world, asked.policy)
    scores = players.evaluate(episodes, seed, greedy=not sampled)
    say(
        console,
        f"Trial {number} after {steps_of(checkpoint):,} steps, {episodes} held-out episodes each:",
    )
    console.print(_table(scores))
    if record is not None:
        member = int((scores[summary.metric] * (1 if summary.mode == "max" else -1)).argmax())
        pictures = _record(players, member, recorded_episodes, seed, record, fps)
        say(console, f"Recorded: {record} (member {member}, {pictures:,} pictures)")
    return 0


def best_trial(summary: Any) -> int:
    """The best trial on held-out seeds where there are any, else in the search; ValueError where
    there is none.
    """
    from segue.report.data.heldout import read_comparison

    comparison = read_comparison(summary.run)
    if comparison:
        return comparison.configurations[0].trial
    if not summary.best:
        raise ValueError(f"No trial of {summary.run} has a value yet: name one with --trial.")
    return int(summary.best[0].number)


def _record(players: "Players", member: int, episodes: int, seed: int, path: Path, fps: int) -> int:
    """Write the pictures as they come; how many they were."""
    with optional_dependency("play", "A recording"):
        import imageio.v2 as imageio
    pictures = 0
    gif, mp4 = (
        {"loop": 0, "duration": 1000 / fps},
        {"fps": fps, "macro_block_size": 2},
    )  # pixels; H.264 wants even sizes
    keywords: Mapping[str, Any] = gif if path.suffix == ".gif" else mp4
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"unfinished-{path.name}")
    try:
        writer: Any = imageio.get_writer(
            unfinished, **keywords
        )  # the package's types lack its methods
        with writer:
            for picture in players.frames(member, episodes, seed):
                writer.append_data(picture)
                pictures += 1
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return pictures


def _table(scores: "Mapping[str, NDArray[np.float64]]") -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("member", justify="right")
    for name in scores:
        table.add_column(name, justify="right")
    for member, row in enumerate(zip(*scores.values(), strict=True)):
        table.add_row(str(member), *(f"{value:.4g}" for value in row))
    return table
