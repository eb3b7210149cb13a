"""All data of a report, read once from a run directory that may be damaged."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

from segue.record.row import ENV_STEPS, TOTAL_ENV_STEPS, Row
from segue.record.trials import TrialSummary
from segue.report.data.facts import facts, is_running
from segue.report.data.heldout import Comparison, read_comparison
from segue.report.data.rows import tolerant_rows
from segue.report.data.summary import Summary


@dataclass(frozen=True)
class Evidence:
    """Trials, best first, and reports by trial number.

    `broken_lines` counts the lines that could not be read.
    """

    summary: Summary
    trials: list[TrialSummary]
    curves: dict[int, list[Row]]
    broken_lines: int
    held_out: Comparison | None = None

    @classmethod
    def of(cls, summary: Summary) -> "Evidence":
        """Read every trial's results."""
        trials = facts(summary)
        curves = {}
        broken = 0
        for trial in trials:
            rows, unread = tolerant_rows(summary.layout.trial(trial.number).results)
            curves[trial.number] = [row for row in rows if _is_report(row, summary.metric)]
            broken += unread + len(rows) - len(curves[trial.number])
        return cls(summary, trials, curves, broken, read_comparison(summary.run))

    @cached_property
    def running(self) -> bool:
        """Whether a driver holds the run directory."""
        return is_running(self.summary.run)

    @property
    def sign(self) -> float:
        """1 where a higher metric is better, else -1."""
        return 1.0 if self.summary.mode == "max" else -1.0

    @cached_property
    def complete(self) -> list[TrialSummary]:
        """The trials that ran to their end, best first."""
        return [
            trial for trial in self.trials if trial.state == "complete" and trial.metric is not None
        ]

    @cached_property
    def winner(self) -> TrialSummary | None:
        """The best trial on held-out seeds if any were retrained, else the best of the search.

        The best of the search may be a stopped trial.
        """
        known = {trial.number: trial for trial in self.ranked}
        unseen = self.held_out.configurations[0].trial if self.held_out else None
        return known[unseen] if unseen in known else next(iter(self.ranked), None)

    @cached_property
    def ranked(self) -> list[TrialSummary]:
        """The complete trials, then the stopped ones that have a value."""
        stopped = [
            trial for trial in self.trials if trial.state == "pruned" and trial.metric is not None
        ]
        return self.complete + stopped

    @cached_property
    def steps_by_stage(self) -> dict[int, list[int]]:
        """Environment steps of all members that each trial took in each of its stages so far."""
        return {trial.number: _steps_by_stage(trial) for trial in self.trials}

    @cached_property
    def seconds_by_stage(self) -> dict[int, dict[int, float]]:
        """Seconds that each trial trained in each stage, from the speeds in its log.

        Intervals that were trained twice, because a trial resumed, count once.
        """
        return {
            trial.number: _seconds(self.summary.layout.trial(trial.number).metrics)
            for trial in self.trials
        }


def _is_report(row: Row, metric: str) -> bool:
    return isinstance(row.get(ENV_STEPS), int) and _is_number(row.get(metric))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _steps_by_stage(trial: TrialSummary) -> list[int]:
    if not trial.env_steps:
        return []
    members = trial.total_env_steps / trial.env_steps
    ends = [end for end in trial.stages_ended_at if end < trial.env_steps] + [trial.env_steps]
    return [round((end - begin) * members) for begin, end in zip([0, *ends], ends, strict=False)]


def _seconds(path: Path) -> dict[int, float]:
    seconds: dict[int, float] = {}
    before = 0
    for row in tolerant_rows(path)[0]:
        speed, stage, total = (
            row.get(name) for name in ("train-misc/fps", "train-misc/stage", TOTAL_ENV_STEPS)
        )
        if not isinstance(total, int) or not _is_number(stage) or not _is_number(speed):
            continue
        if speed > 0:
            seconds[int(stage)] = seconds.get(int(stage), 0.0) + max(total - before, 0) / speed
            before = total
    return seconds
