"""Whether it was worth it to stop trials: what early values foretold, and what it saved."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.base.text import plural
from segue.record.files.replays import Replays, read_replays
from segue.record.layout import REPLAYS
from segue.record.row import ENV_STEPS, STAGE, STAGE_DONE, Row
from segue.record.study.trials import COMPLETE, PRUNED, TrialSummary
from segue.report.data.evidence import Evidence

FEWEST = 3
"""Trials that a rank correlation takes at least."""
_PARTS = (8, 4, 2)  # one part of the longest trial in so many, where nothing was compared


@dataclass(frozen=True)
class Foretold:
    """How the ranks of trials at a point agree with their ranks at the end.

    Only trials that ran to their end count, since the others have no final value.
    """

    where: str
    trials: int
    correlation: float | None
    """Spearman's; None for fewer than three trials, or for equal values."""


@dataclass(frozen=True)
class Outcome:
    """What a scheduler would have kept, and spent, of the trials of a run."""

    name: str
    stopped: Mapping[int, int]
    """The stopped trials, with the environment steps of one member at which they stop."""
    least_steps: int
    """Environment steps of all trials and members that it would have spent at least."""
    most_steps: int
    """The same at most: trials that the run itself stopped might have run to their ends."""
    best: TrialSummary | None
    """The best trial that it would not have stopped, of those that ran to their ends."""


@dataclass(frozen=True)
class Stopping:
    """The trials of a run, and what schedulers would have decided on them."""

    evidence: Evidence
    replays: Replays | None
    problem: str | None = None
    """Why what was replayed is not shown; None where it is, and where nothing was replayed."""

    @classmethod
    def of(cls, evidence: Evidence) -> "Stopping":
        """Read what was replayed when the sweep ended."""
        try:
            replays = read_replays(evidence.summary.layout)
        except ValueError as error:
            return cls(evidence, None, str(error))
        reports = sum(len(trial.intermediate_values) for trial in evidence.summary.trials)
        if replays and replays.reports > reports:
            return cls(evidence, None, f"{REPLAYS} is of another run, and was skipped.")
        return cls(evidence, replays)

    @cached_property
    def pruned(self) -> list[TrialSummary]:
        """The trials that the run's scheduler stopped."""
        return [trial for trial in self.evidence.trials if trial.state == PRUNED]

    @property
    def full_steps(self) -> int:
        """Environment steps of all trials and members, had every trial run to its end."""
        return sum(map(self._planned, self._trained))

    @property
    def steps(self) -> int:
        """Environment steps of all trials and members that the run took."""
        return sum(trial.trained_env_steps for trial in self._trained)

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """What each scheduler would have kept, that of the run first."""
        if self.replays is None:
            return []
        ran = self.replays.ran
        names = sorted(self.replays.stops, key=lambda name: name != ran)
        return [self._outcome(name, self.replays.stops[name]) for name in names]

    @property
    def is_as_the_run(self) -> bool | None:
        """Whether the replay of the run's own scheduler decides as the run did.

        None where there is none. A trial that a target, or a person, ended does not count.
        """
        if self.replays is None or self.replays.ran is None:
            return None
        replayed = self.replays.stops.get(self.replays.ran)
        name = f"{self.replays.ran}: "
        by_scheduler = [trial for trial in self.pruned if (trial.reason or "").startswith(name)]
        others = {trial.number for trial in self.pruned if trial not in by_scheduler}
        live = {trial.number: trial.env_steps for trial in by_scheduler}
        found = {number: at for number, at in (replayed or {}).items() if number not in others}
        return None if replayed is None else live == found

    @property
    def _trained(self) -> list[TrialSummary]:
        return [trial for trial in self.evidence.trials if trial.copy_of is None]

    def _planned(self, trial: TrialSummary) -> int:
        """Return the steps of a trial's members, had it not been stopped or interrupted."""
        planned = self.replays.planned.get(trial.number, 0) if self.replays else 0
        if trial.state in (COMPLETE, "failed") or not trial.env_steps:
            return trial.trained_env_steps
        members = trial.total_env_steps / trial.env_steps
        whole = max(round(planned * members), trial.total_env_steps)
        return whole - trial.adopted_env_steps

    def _outcome(self, name: str, stopped: Mapping[int, int]) -> Outcome:
        least = 0
        most = 0
        for trial in self._trained:
            if trial.number in stopped and trial.env_steps:
                members = trial.total_env_steps / trial.env_steps
                steps = min(round(stopped[trial.number] * members), trial.total_env_steps)
                steps -= trial.adopted_env_steps
                least += steps
                most += steps
            else:
                least += trial.trained_env_steps
                most += self._planned(trial)
        kept = [trial for trial in self.evidence.complete if trial.number not in stopped]
        return Outcome(name, stopped, least, most, next(iter(kept), None))


def spearman(values_N: Sequence[float], others_N: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation; None for fewer than three pairs, or equal values.

    Pearson's correlation of the ranks, where equal values share the mean of their ranks (Spearman,
    1904).
    """
    if len(values_N) < FEWEST:
        return None
    ranks = [_ranks(values_N), _ranks(others_N)]
    if any(np.ptp(each) == 0 for each in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def foretold_at(evidence: Evidence, where: str, values: Mapping[int, float]) -> Foretold:
    """Return how the values of trials at a point, by number, foretold their final ones."""
    pairs = [
        (values[trial.number], float(trial.metric))
        for trial in evidence.complete
        if trial.number in values and trial.metric is not None
    ]
    early = [value for value, _ in pairs]
    final = [value for _, value in pairs]
    return Foretold(where, len(pairs), spearman(early, final))


def stage_ends(evidence: Evidence) -> dict[str, dict[int, float]]:
    """Return the values of trials at the ends of all stages but the last, by the stage."""
    metric = evidence.summary.metric
    found: dict[tuple[int, int], dict[int, float]] = {}
    for trial in evidence.trials:
        stages = trial.stages or 1
        for row in evidence.curves[trial.number]:
            if row.get(STAGE_DONE) is True and row.get(STAGE, 0) < stages - 1:
                found.setdefault((row[STAGE], stages), {})[trial.number] = row[metric]
    named = sorted(found.items())
    return {f"end of stage {stage + 1} of {of}": values for (stage, of), values in named}


def shares_of_longest(evidence: Evidence) -> dict[str, dict[int, float]]:
    """Return the values of trials after an eighth, a quarter and half of the longest one."""
    longest = max((trial.env_steps for trial in evidence.complete), default=0)
    metric = evidence.summary.metric
    found = {}
    for part in _PARTS:
        step = longest // part
        values = {
            number: row[metric]
            for number, rows in evidence.curves.items()
            if (row := _first_from(rows, step)) is not None
        }
        if step and values:
            found[f"{step:,} steps"] = values
    return found


def halfway(evidence: Evidence) -> Foretold:
    """Return how the values at half of each trial's steps foretold its final one."""
    values = {}
    for trial in evidence.complete:
        row = _first_from(evidence.curves[trial.number], trial.env_steps / 2)
        if row is not None and row[ENV_STEPS] < trial.env_steps:
            values[trial.number] = row[evidence.summary.metric]
    return foretold_at(evidence, "half of the steps", values)


def saved_in_words(stopping: Stopping) -> str:
    """Return how many steps were saved by stopping trials, in a sentence."""
    pruned = len(stopping.pruned)
    if not pruned:
        return "No trial was stopped."
    saved = stopping.full_steps - stopping.steps
    trained = sum(trial.env_steps > 0 for trial in stopping.evidence.trials)
    if saved <= 0:
        return f"{plural(pruned, 'trial')} of {trained} were stopped."
    return (
        f"Stopping {pruned} of {plural(trained, 'trial')} saved {saved:,} of"
        f" {stopping.full_steps:,} environment steps ({100 * saved / stopping.full_steps:.0f} %)."
    )


def _first_from(rows: Iterable[Row], step: float) -> Row | None:
    return next((row for row in rows if row[ENV_STEPS] >= step), None)


def _ranks(values: Sequence[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the ranks of values from 1, where equal values share the mean of theirs."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray[tuple[int], np.dtype[np.float64]] = (last - (counts - 1) / 2)[index]
    return ranks
