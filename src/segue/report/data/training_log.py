"""What a report reads of the training log of a trial."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segue.base.checks import is_number
from segue.base.files import JsonObject, read_rows
from segue.record.row import ENV_STEPS, TOTAL_ENV_STEPS

LOSSES = "train-losses/"
_POINTS = 40  # of a curve of a loss


@dataclass(frozen=True)
class TrainingLog:
    """The time of a trial by stage, and its losses."""

    seconds: Mapping[int, float] = field(default_factory=dict)
    """Seconds of training in each stage, from the speeds in the log.

    Intervals that were trained twice, because a trial resumed, count once.
    """
    losses: Mapping[str, list[tuple[int, float]]] = field(default_factory=dict)
    """The environment steps of one member and the value of each loss, at most 40 of them."""


def read_training_log(path: Path) -> TrainingLog:
    """Return what a report shows of a training log; nothing of one that cannot be read."""
    try:
        rows = read_rows(path)
    except OSError:
        return TrainingLog()
    return TrainingLog(_seconds(rows), _losses(rows))


def _seconds(rows: Iterable[JsonObject]) -> dict[int, float]:
    seconds: dict[int, float] = {}
    before = 0.0
    for row in rows:
        speed, stage, total = (
            row.get(name) for name in ("train-misc/fps", "train-misc/stage", TOTAL_ENV_STEPS)
        )
        if not (is_number(total) and is_number(stage) and is_number(speed)):
            continue
        if speed > 0:
            seconds[int(stage)] = seconds.get(int(stage), 0.0) + max(total - before, 0) / speed
            before = total
    return seconds


def _losses(rows: Iterable[JsonObject]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        step = row.get(ENV_STEPS)
        if not isinstance(step, int):
            continue
        for name, value in row.items():
            if name.startswith(LOSSES) and is_number(value):
                found.setdefault(name.removeprefix(LOSSES), {})[step] = float(value)
    return {name: _thinned(sorted(values.items())) for name, values in found.items()}


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return at most 40 of the points, evenly, the last one included."""
    count = min(len(points), _POINTS)
    last = len(points) - 1
    return [points[round(index * last / max(count - 1, 1))] for index in range(count)]
