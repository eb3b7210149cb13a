"""`segue play`: the trained members of a trial, in numbers and on video."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segue.base.extras import optional_dependency
from segue.base.text import printable
from segue.cli.shared.arguments import Run, SweepFile, Trial, as_place
from segue.cli.shared.output import check_target, print_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segue.plan.sweeps.evaluation import Evaluation
    from segue.record.local_run import LocalRun
    from segue.report.data.summary import Summary
    from segue.train.play import Players

_EXTENSIONS = (".gif", ".mp4")


def command(
    run: Run,
    trial: Trial = None,
    episodes: Annotated[int, typer.Option(help="Number of episodes per member.", min=1)] = 20,
    seed: Annotated[
        int,
        typer.Option(
            help="Seed of the episodes, which occur neither in training nor in evaluation.", min=0
        ),
    ] = 0,
    best: Annotated[
        bool,
        typer.Option(
            "--best",
            help="Play the members as they were at the trial's best report, not at its last one.",
        ),
    ] = False,
    greedy: Annotated[
        bool | None,
        typer.Option(
            "--greedy/--sampled",
            help="Take the most probable actions, or sample them. Default: as in the sweep's"
            " evaluation.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Write a video of the best member, as .gif or .mp4.", callback=as_place),
    ] = None,
    recorded_episodes: Annotated[
        int, typer.Option(help="Number of episodes in the video.", min=1)
    ] = 3,
    fps: Annotated[int, typer.Option(help="Frames per second of the video.", min=1)] = 30,
    attach: Annotated[
        bool,
        typer.Option(
            "--attach",
            help="Make the video an artifact of the study, which optuna-dashboard shows.",
        ),
    ] = False,
    sweep: SweepFile = None,
) -> int:
    """Evaluate the members of a trial from its newest or best checkpoint, and record a video.

    Episodes are cut, and actions chosen, as the sweep's evaluation does.
    """
    from segue.record.local_run import fetch_run
    from segue.report.data.summary import read_summary, trained_trial

    if record is not None and record.suffix not in _EXTENSIONS:
        raise ValueError(f"--record {record} is not a video: give a name ending in .gif or .mp4.")
    if record is not None:
        check_target(record, "choose another --record")
    elif attach:
        raise ValueError("--attach needs a video: give it a name with --record, such as best.gif.")
    console = Console()
    local_run = fetch_run(run)
    summary = read_summary(local_run.path)
    chosen = best_trial(summary) if trial is None else trial
    number = trained_trial(summary, chosen)
    if number != chosen:
        print_line(console, f"Trial {chosen} is a copy of trial {number}, which is played.")
    players, evaluation, steps = _load(local_run, summary, number, sweep, best)
    how = evaluation.greedy if greedy is None else greedy, evaluation.max_episode_steps
    scores = players.evaluate(episodes, seed, *how)
    print_line(
        console,
        f"Trial {number} after {steps:,} steps, {episodes} held-out episodes per member,"
        f" {'most probable' if how[0] else 'sampled'} actions:",
    )
    console.print(_table(scores))
    if record is not None:
        member = _best_member(summary, scores)
        pictures = players.frames(member, recorded_episodes, seed, *how)
        frames = _record(pictures, record, fps)
        print_line(console, f"Video: {record} (member {member}, {frames:,} frames)")
        if attach:
            _attach(console, local_run, summary, record)
    return 0


def best_trial(summary: "Summary") -> int:
    """Return the number of the best trial, by held-out seeds if there are any, else by the search.

    Raises ValueError if no trial has a value.
    """
    from segue.report.data.heldout import read_comparison

    comparison = read_comparison(summary.run)
    if comparison:
        return comparison.configurations[0].trial
    if not summary.best:
        raise ValueError(f"No trial of {summary.run} has a value yet: name one with --trial.")
    return int(summary.best[0].number)


def _load(
    run: "LocalRun", summary: "Summary", trial: int, sweep_file: Path | None, best: bool
) -> "tuple[Players, Evaluation, int]":
    """Return the members of a trial's newest or best checkpoint, how the trial was evaluated, and
    the environment steps of the checkpoint.
    """
    from segue.record.checkpoints import steps_of
    from segue.train.play import Players
    from segue.tune.run.directory import RunDirectory
    from segue.tune.run.lineage import read_lineage
    from segue.tune.run.original_sweep import sweep_of
    from segue.tune.search.define_by_run import of_recorded

    directory = RunDirectory(run.path, run.store)
    checkpoint = (
        directory.best_checkpoint(trial) if best else None
    ) or directory.newest_checkpoint(trial)
    if checkpoint is None:
        raise ValueError(
            f"Trial {trial} of {run.shown} has no checkpoint: `segue show {run.shown}` lists the"
            " trials."
        )
    sweep = sweep_of(directory, sweep_file)
    if sweep.trainer is not None:
        raise ValueError(
            f"Trial {trial} was trained by a trainer of the sweep's own, with whose policy Segue"
            f" cannot act: its checkpoint is {checkpoint}, and its own files are in"
            f" {directory.trial(trial).path}."
        )
    exploit = read_lineage(directory.trial(trial))
    given = {each.number: each.params for each in summary.trials}[trial]
    setup = sweep.at(of_recorded(sweep, exploit.parameters if exploit else given))
    players = Players.load(checkpoint, setup.world, setup.policy)
    return players, setup.evaluation, steps_of(checkpoint)


def _best_member(summary: "Summary", scores: "Mapping[str, NDArray[np.float64]]") -> int:
    values = scores[summary.metric]
    return int(values.argmax() if summary.mode == "max" else (-values).argmax())


def _record(pictures: "Iterable[NDArray[np.uint8]]", path: Path, fps: int) -> int:
    """Write the pictures to a video file, one by one, and return their number."""
    with optional_dependency("play", "A recording"):
        import imageio.v2 as imageio
    keywords: dict[str, Any] = {"fps": fps, "macro_block_size": 2}  # H.264 needs even sizes
    if path.suffix == ".gif":
        keywords = {"loop": 0, "duration": 1000 / fps}
    frames = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"unfinished-{path.name}")
    check_target(unfinished, "remove it, or choose another --record")
    try:
        # Any: the types of the package lack the writer's methods.
        writer: Any = imageio.get_writer(unfinished, **keywords)
        with writer:
            for picture in pictures:
                writer.append_data(picture)
                frames += 1
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return frames


def _attach(console: Console, run: "LocalRun", summary: "Summary", video: Path) -> None:
    """Make the video an artifact of the study, and print how to see it."""
    from segue.report.data.commands import command_for
    from segue.tune.run.directory import RunDirectory
    from segue.tune.study.artifacts import attach

    directory = RunDirectory(run.path, run.store)
    attach(directory, video)
    folder = str(directory.artifacts)
    command = command_for("optuna-dashboard", summary.storage, "--artifact-dir", folder)
    print_line(console, f"Attached to the study: {command}")


def _table(scores: "Mapping[str, NDArray[np.float64]]") -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("member", justify="right")
    for name in scores:
        table.add_column(Text(printable(name)), justify="right")
    for member, row in enumerate(zip(*scores.values(), strict=True)):
        table.add_row(str(member), *(f"{value:.4g}" for value in row))
    return table
