"""When trials trained side by side, and how long places for a trial stood idle."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from itertools import pairwise

from segue.record.study.trials import TrialSummary


@dataclass(frozen=True)
class Interval:
    """The time from a trial's start to its end, in one of the lanes of the timeline."""

    trial: TrialSummary
    lane: int
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Timeline:
    """The trials of a sweep over time, in as few lanes as possible."""

    intervals: list[Interval]

    @classmethod
    def of(cls, trials: Iterable[TrialSummary]) -> "Timeline":
        """Return the timeline of the trials that have ended and were trained."""
        known = [
            (trial.started, trial.ended, trial)
            for trial in trials
            if trial.started and trial.ended and trial.copy_of is None
        ]
        free: list[tuple[datetime, int]] = []
        intervals = []
        for start, end, trial in sorted(known, key=lambda each: (each[0], each[2].number)):
            lane = heappop(free)[1] if free and free[0][0] <= start else len(free)
            heappush(free, (end, lane))
            intervals.append(Interval(trial, lane, start, end))
        return cls(intervals)

    @property
    def lanes(self) -> int:
        """The largest number of trials that trained at the same time."""
        return max((each.lane for each in self.intervals), default=-1) + 1

    @property
    def seconds(self) -> float:
        """Seconds from the first start to the last end."""
        if not self.intervals:
            return 0.0
        first = min(each.start for each in self.intervals)
        return (max(each.end for each in self.intervals) - first).total_seconds()

    @property
    def idle(self) -> float:
        """The share of the lanes' time in which no trial trained."""
        total = self.seconds * self.lanes
        busy = sum((each.end - each.start).total_seconds() for each in self.intervals)
        return max(1 - busy / total, 0.0) if total else 0.0

    @property
    def longest_gap(self) -> float:
        """The longest time in seconds in which no trial trained at all."""
        ends: list[tuple[datetime, datetime]] = []
        for each in self.intervals:
            until = max(each.end, ends[-1][1]) if ends else each.end
            ends.append((each.start, until))
        gaps = ((later[0] - before[1]).total_seconds() for before, later in pairwise(ends))
        return max([*gaps, 0.0])
