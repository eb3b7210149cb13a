"""The display of a running sweep: a table on a terminal, and a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterable
from types import TracebackType

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.live import Live

from segue.base.text import printable
from segue.record.layout import LOG, trial_name
from segue.record.row import Row
from segue.record.study import attributes
from segue.record.study.ranking import metric_of
from segue.tune.observers.board import Board
from segue.tune.observers.live_table import shown_number, status, table
from segue.tune.ray_adapter import RunningTrial, TrialObserver
from segue.tune.run.directory import RunDirectory
from segue.tune.verdicts import OUT_OF_MEMORY

_REDRAW_SECONDS = 0.25
_LINE_SECONDS = 10.0
_FEW_TRIALS = 50


class LiveView(TrialObserver):
    """Draws a board on a console as trials report.

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
            self._live.update(table(self._board, self._console), refresh=True)
        else:
            self._console.print(status(self._board), highlight=False, markup=False)

    def _print(self, line: str, style: str | None = None) -> None:
        self._console.print(
            printable(line), style=style, highlight=False, markup=False, soft_wrap=True
        )


def ending(trial: FrozenTrial, board: Board) -> str:
    """Return how a trial ended, or where it is paused, in a few words."""
    metric = board.sweep.metric
    if trial.state == TrialState.RUNNING:
        step = trial.last_step or 0
        value = shown_number(trial.intermediate_values.get(step))
        return f"trial {trial.number} paused at {step:,} steps: {metric} {value}"
    return (
        f"trial {trial.number} {trial.state.name.lower()}: {metric}"
        f" {shown_number(metric_of(trial))}"
    )


def failure(trial: FrozenTrial, run: RunDirectory) -> str:
    """Return why a trial failed, in one line, and the path of its log."""
    log = f"{run.shown}/{trial_name(trial.number)}/{LOG}"
    return f"trial {trial.number} failed: {trial.user_attrs.get(attributes.REASON)} (log: {log})"
