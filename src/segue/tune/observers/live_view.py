"""The display of a running sweep: a table on a terminal, and a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterable
from types import TracebackType

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from segue.base.text import printable
from segue.record import attributes
from segue.record.layout import LOG, trial_name
from segue.record.row import Row
from segue.record.trials import metric_of
from segue.tune.observers.board import FINISHED, Board, TrialProgress
from segue.tune.ray_adapter import RunningTrial, TrialObserver
from segue.tune.run.directory import RunDirectory
from segue.tune.verdicts import OUT_OF_MEMORY

_REDRAW_SECONDS = 0.25
_LINE_SECONDS = 10.0
_FEW_TRIALS = 50
_OTHER_LINES = 7  # of the table's frame, and above and below it
_COLOURS = {"running": "cyan", "complete": "green", "pruned": "yellow", "fail": "red"}


class LiveView(TrialObserver):
    """Draws a board on a console when Tune reports events.

    A context manager: the table of a terminal disappears at the end of the block.
    """

    def __init__(
        self,
        board: Board,
        run: RunDirectory,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._run = run
        self._console = console
        self._clock = clock
        self._drawn = clock()
        self._live = (
            Live(console=console, auto_refresh=False, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> "LiveView":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def reported(self, number: int, row: Row) -> None:
        """Print that a trial is started again, if its report requires it."""
        if OUT_OF_MEMORY in row:
            self._print(
                f"trial {number} ran out of GPU memory: it resumes from its checkpoint with a"
                " larger share",
                style="yellow",
            )

    def ended(self, number: int) -> None:
        """Print why a trial failed, or without a terminal how it ended."""
        trial = self._board.record.trial(number)
        if trial.state == TrialState.FAIL:
            self._print(failure(trial, self._run), style="red")
        elif not self._live and self._board.budget.trials <= _FEW_TRIALS:
            self._drawn = self._clock()
            self._print(f"{ending(trial, self._board)} | {status(self._board)}")

    def tick(self, running: Iterable[RunningTrial]) -> None:
        """Draw the board, unless it was drawn a moment ago."""
        if self._clock() - self._drawn < (_REDRAW_SECONDS if self._live else _LINE_SECONDS):
            return
        self._drawn = self._clock()
        if self._live:
            self._live.update(table(self._board, self._console.height - _OTHER_LINES), refresh=True)
        else:
            self._console.print(status(self._board), highlight=False, markup=False)

    def _print(self, line: str, style: str | None = None) -> None:
        self._console.print(
            printable(line), style=style, highlight=False, markup=False, soft_wrap=True
        )


def table(board: Board, lines: int) -> Group:
    """Return the board for a terminal of at least 60 columns.

    It shows the running trials, and then as many of the latest ended ones as fit into `lines`.
    """
    rows = Table("trial", "state", "stage", "steps", Column(_metric(board)), expand=False)
    for column in (rows.columns[0], *rows.columns[2:]):
        column.justify = "right"
    for progress in board.running.values():
        rows.add_row(*_running_row(progress))
    room = max(lines - len(board.running), 0)
    ended = sorted(
        (trial for trial in board.record.trials if trial.state in FINISHED),
        key=lambda trial: trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0,
        reverse=True,
    )
    for trial in ended[:room]:
        rows.add_row(*_ended_row(trial))
    more = [Text(f"and {len(ended) - room} more that ended earlier")] if ended[room:] else []
    return Group(rows, *more, Text(status(board)), Text(printable(best(board))))


def status(board: Board) -> str:
    """Return the whole board in one line."""
    counts = board.counts
    parts = [f"{board.done} of {board.budget.trials} done"]
    parts += [
        f"{counts[state]} {word}"
        for state, word in (("pruned", "pruned"), ("fail", "failed"))
        if counts[state]
    ]
    parts += [f"{len(board.running)} running"] if board.running else []
    parts += [f"{board.steps_per_second:,.0f} steps/s"] if board.steps_per_second else []
    if board.budget.env_steps is not None:
        parts += [
            f"{board.spent / board.budget.env_steps:.0%} of {board.budget.env_steps:,} steps spent"
        ]
    left = board.seconds_left
    parts += [f"{duration(left)} left"] if left else []
    return ", ".join(parts)


def best(board: Board) -> str:
    """Return the best trial that ran to its end, in one line, empty while there is none."""
    found = board.best
    return (
        f"best: trial {found.number}, {board.sweep.metric} {_number(found.values[0])}"
        if found
        else ""
    )


def ending(trial: FrozenTrial, board: Board) -> str:
    """Return how a trial ended, in a few words."""
    return (
        f"trial {trial.number} {trial.state.name.lower()}: {board.sweep.metric}"
        f" {_number(metric_of(trial))}"
    )


def failure(trial: FrozenTrial, run: RunDirectory) -> str:
    """Return why a trial failed, in one line, and the path of its log."""
    log = f"{run.shown}/{trial_name(trial.number)}/{LOG}"
    return f"trial {trial.number} failed: {trial.user_attrs.get(attributes.REASON)} (log: {log})"


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(50), duration(200), duration(7300)
    ('50 s', '3 min', '2 h 2 min')
    """
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _running_row(progress: TrialProgress) -> tuple[str | Text, ...]:
    return (
        str(progress.number),
        _state("running"),
        str(progress.stage + 1),
        f"{progress.env_steps:,}",
        _number(progress.metric),
    )


def _ended_row(trial: FrozenTrial) -> tuple[str | Text, ...]:
    progress = trial.user_attrs
    stage = str(progress[attributes.STAGE]) if attributes.STAGE in progress else ""
    steps = f"{progress[attributes.ENV_STEPS]:,}" if attributes.ENV_STEPS in progress else ""
    return (
        str(trial.number),
        _state(trial.state.name.lower()),
        stage,
        steps,
        _number(metric_of(trial)),
    )


def _metric(board: Board) -> Text:
    return Text(printable(board.sweep.metric))


def _state(name: str) -> Text:
    return Text("failed" if name == "fail" else name, style=_COLOURS[name])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
