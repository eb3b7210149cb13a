"""The definitions that trained the trials of a run whose sweep has changed.

A run continues with another definition after `--accept-changes`. Definitions count from 1, and
each change starts the next one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from segue.record.files.definition import RunDefinition

_SEARCH = ("space", "search", "scheduler")
"""Entries of a definition that decide which trials run and for how long, not how one is trained."""


@dataclass(frozen=True)
class Change:
    """A start of the run with a changed definition."""

    start: int
    """Index of the start among all starts of the run."""
    at: datetime
    """Local time of the driver, as a study records times."""
    entries: tuple[str, ...]
    """What changed, one text for each entry of the definition."""
    alters_training: bool
    """Whether trials of equal parameters are trained or evaluated in another way since."""

    @property
    def time(self) -> str:
        """When it was, to the minute."""
        return f"{self.at:%Y-%m-%d %H:%M}"


def changes(definition: RunDefinition) -> list[Change]:
    """Return the changes of a definition, the first one first; unreadable ones are left out."""
    return [change for start, run in enumerate(definition.runs) if (change := _change(start, run))]


def definitions_of(
    started: datetime | None, ended: datetime | None, changed: Sequence[Change]
) -> tuple[int, ...]:
    """Return the numbers of the definitions under which a trial ran; empty before its start."""
    if started is None:
        return ()
    first = 1 + sum(change.at <= started for change in changed)
    last = 1 + sum(ended is None or change.at <= ended for change in changed)
    return tuple(range(first, last + 1))


def as_ranges(numbers: Iterable[int]) -> str:
    """Return numbers in ascending order, with three or more consecutive ones as a range.

    >>> as_ranges([4, 0, 1, 2, 7, 8])
    '0 to 2, 4, 7, 8'
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(part for run in runs for part in _parts(run))


def _parts(run: Sequence[int]) -> Iterator[str]:
    if len(run) > 2:
        yield f"{run[0]} to {run[-1]}"
    else:
        yield from map(str, run)


def _change(start: int, run: Mapping[str, Any]) -> Change | None:
    try:
        recorded = [str(entry) for entry in run.get("changes", ())]
        at = datetime.fromisoformat(run["started"]).replace(tzinfo=None)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    if not recorded:
        return None
    fields = {entry.partition(":")[0].partition(".")[0] for entry in recorded}
    return Change(start, at, tuple(recorded), alters_training=not fields.issubset(_SEARCH))
