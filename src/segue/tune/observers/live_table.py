"""The table of a running sweep, for a terminal of any size, and its status in a line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial
from rich.cells import cell_len
from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from segue.base.text import printable, value_text
from segue.record.study import attributes
from segue.record.study.ranking import metric_of
from segue.record.study.trials import COMPLETE, FAILED, PAUSED, PRUNED, RUNNING, trial_state
from segue.tune.observers.board import FINISHED, Board, TrialProgress

_FRAME_LINES = 4  # above, below and under the names of the columns
_SPARE_LINES = 2  # for the rows that are left out, and the cursor
_BEST_LINES = 3
_VALUE_WIDTH = 24  # characters of a parameter's value
_COLUMN_FRAME = 3  # characters beside a column's text
_UNLIMITED = 10_000  # characters, from which a table would take what it needs
_COLOURS = {RUNNING: "cyan", COMPLETE: "green", PRUNED: "yellow", FAILED: "red"}


@dataclass(frozen=True)
class _Line:
    """A trial's line of the table."""

    cells: Sequence[str | Text]
    parameters: Mapping[str, str]


def table(board: Board, console: Console) -> Group:
    """Return the board for a console of at least 60 columns.

    It shows the running trials, and then as many of the latest ended ones as fit into the
    console's height. There is a column for each parameter, as long as they fit into its width.
    """
    below = [Text(status(board))]
    if board.best:
        below.append(_cut(Text(printable(best(board))), console))
    height = sum(len(text.wrap(console, console.width)) for text in below)
    room = max(console.height - height - _FRAME_LINES - _SPARE_LINES, 1)
    running = [*board.running.values()]
    ended = _latest(board)
    left_out = max(len(running) + len(ended) - room, 0)
    lines = [_running(board, progress) for progress in running[:room]]
    lines += [_ended(board, trial) for trial in ended[: room - len(lines)]]
    more = [Text(f"and {left_out} more")] if left_out else []
    return Group(_table(lines, board, _fitting(lines, board, console)), *more, *below)


def status(board: Board) -> str:
    """Return the whole board in one line."""
    counts = board.counts
    waiting = board.waiting
    parts = [f"{board.done} of {board.total} done"]
    parts += [f"{counts[state]} {state}" for state in (PRUNED, FAILED) if counts[state]]
    parts += ["paused"] if board.record.pause_request else []
    parts += [f"{len(board.running)} running"] if board.running else []
    parts += [f"{counts[PAUSED]} paused"] if counts[PAUSED] else []
    parts += [f"{waiting} waiting"] if waiting else []
    parts += [f"{board.steps_per_second:,.0f} steps/s"] if board.steps_per_second else []
    if board.budget.env_steps is not None:
        parts += [
            f"{board.spent / board.budget.env_steps:.0%} of {board.budget.env_steps:,} steps spent"
        ]
    left = board.seconds_left
    parts += [f"{duration(left)} left"] if left else []
    return ", ".join(parts)


def best(board: Board) -> str:
    """Return the best trial that ran to its end, with its parameters, in one line.

    It is empty while there is none.
    """
    found = board.best
    if not found:
        return ""
    values = _parameters(board, found.number)
    parameters = ", ".join(f"{name} {value}" for name, value in values.items())
    return (
        f"best: trial {found.number}, {board.sweep.metric} {shown_number(found.values[0])}, with"
        f" {parameters}"
    )


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(50), duration(200), duration(7300)
    ('50 s', '3 min', '2 h 2 min')
    """
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def shown_number(value: float | None) -> str:
    """Return a value with four digits; empty for None."""
    return "" if value is None else f"{value:.4g}"


def _latest(board: Board) -> list[FrozenTrial]:
    return sorted(
        (trial for trial in board.record.trials if trial.state in FINISHED),
        key=lambda trial: trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0,
        reverse=True,
    )


def _running(board: Board, progress: TrialProgress) -> _Line:
    cells = (
        str(progress.number),
        _state(RUNNING),
        str(progress.stage + 1),
        f"{progress.env_steps:,}",
        shown_number(progress.metric),
    )
    return _Line(cells, _parameters(board, progress.number))


def _ended(board: Board, trial: FrozenTrial) -> _Line:
    progress = trial.user_attrs
    steps = f"{progress[attributes.ENV_STEPS]:,}" if attributes.ENV_STEPS in progress else ""
    cells = (
        str(trial.number),
        _state(trial_state(trial, is_driven=True)),
        str(progress.get(attributes.STAGE, "")),
        steps,
        shown_number(metric_of(trial)),
    )
    return _Line(cells, _parameters(board, trial.number))


def _parameters(board: Board, number: int) -> dict[str, str]:
    values = board.record.recorded(number)
    return {printable(name): _shortened(value_text(value)) for name, value in values.items()}


def _fitting(lines: Sequence[_Line], board: Board, console: Console) -> list[str]:
    """Return the first parameters whose columns fit into the console's width, beside the others."""
    names = list(dict.fromkeys(name for line in lines for name in line.parameters))
    unlimited = console.options.update_width(_UNLIMITED)
    width = Measurement.get(console, unlimited, _table(lines, board, [])).maximum
    for count, name in enumerate(names):
        texts = [name, *(line.parameters.get(name, "") for line in lines)]
        width += _COLUMN_FRAME + max(map(cell_len, texts))
        if width > console.width:
            return names[:count]
    return names


def _table(lines: Sequence[_Line], board: Board, names: Sequence[str]) -> Table:
    metric = Text(printable(board.sweep.metric))
    found = Table("trial", "state", "stage", "steps", Column(metric), expand=False)
    for name in names:
        found.add_column(Text(name))
    for column in (found.columns[0], *found.columns[2:]):
        column.justify = "right"
    for line in lines:
        values = [Text(line.parameters.get(name, "")) for name in names]
        found.add_row(*line.cells, *values)
    return found


def _cut(text: Text, console: Console) -> Text:
    text.truncate(_BEST_LINES * console.width, overflow="ellipsis")
    return text


def _state(name: str) -> Text:
    return Text(name, style=_COLOURS[name])


def _shortened(text: str) -> str:
    return text if len(text) <= _VALUE_WIDTH else f"{text[: _VALUE_WIDTH - 3]}..."
