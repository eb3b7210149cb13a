"""The trials that are not beaten in every respect: Pareto fronts of the complete trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from segue.plan.mode import Mode
from segue.record.row import ENV_STEPS, TOTAL_ENV_STEPS
from segue.record.study.trials import TrialSummary
from segue.report.data.evidence import Evidence

STEPS = "steps to reach it"
SECONDS = "seconds to reach it"


@dataclass(frozen=True)
class Front:
    """Complete trials, and which of them no other one beats.

    A trial beats another one if it is at least as good in each respect, and better in one.
    """

    names: tuple[str, ...]
    """What the trials are compared by."""
    modes: tuple[Mode, ...]
    trials: tuple[TrialSummary, ...]
    values: tuple[tuple[float, ...], ...]
    """Of each trial, a number for each name."""
    best: tuple[TrialSummary, ...]
    """The trials that no other one beats, ordered by the first value, the best one first."""

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        modes: Sequence[Mode],
        trials: Sequence[TrialSummary],
        values: Sequence[Sequence[float]],
    ) -> "Front":
        """Return the front of trials; those that violate a constraint cannot be on it."""
        signs = [1.0 if mode == "max" else -1.0 for mode in modes]
        allowed = [index for index, trial in enumerate(trials) if trial.is_allowed]
        signed = [
            tuple(sign * value for sign, value in zip(signs, values[index], strict=True))
            for index in allowed
        ]
        found = [allowed[index] for index in unbeaten(signed)]
        found.sort(key=lambda index: -signs[0] * values[index][0])
        return cls(
            tuple(names),
            tuple(modes),
            tuple(trials),
            tuple(tuple(each) for each in values),
            tuple(trials[index] for index in found),
        )

    def values_of(self, trial: TrialSummary) -> tuple[float, ...]:
        """Return the numbers of a trial."""
        return self._by_number[trial.number]

    def has(self, trial: TrialSummary) -> bool:
        """Return whether a trial is among those that are compared."""
        return trial.number in self._by_number

    @cached_property
    def _by_number(self) -> dict[int, tuple[float, ...]]:
        pairs = zip(self.trials, self.values, strict=True)
        return {trial.number: values for trial, values in pairs}


def fronts(evidence: Evidence) -> list[Front]:
    """Return the fronts of a run.

    With several objectives, it is the front of these. Otherwise there are two: the metric against
    the environment steps after which a trial had first reached it, and against the seconds.
    """
    summary = evidence.summary
    modes: list[Mode] = ["max" if mode == "max" else "min" for mode in summary.definition.modes]
    complete = evidence.complete
    if summary.further_objectives:
        with_all = [trial for trial in complete if len(trial.values) == len(modes)]
        values = [list(trial.values.values()) for trial in with_all]
        return [Front.of(summary.objectives, modes, with_all, values)] if with_all else []
    reached = {trial.number: _steps_to_final(evidence, trial) for trial in complete}
    known = [trial for trial in complete if reached[trial.number]]
    if not known:
        return []
    steps = [[float(trial.metric or 0.0), float(reached[trial.number])] for trial in known]
    found = [Front.of((summary.metric, STEPS), (modes[0], "min"), known, steps)]
    speeds = {trial.number: _seconds_per_step(evidence, trial) for trial in known}
    timed = [trial for trial in known if speeds[trial.number]]
    if timed:
        seconds = [
            [float(trial.metric or 0.0), reached[trial.number] * speeds[trial.number]]
            for trial in timed
        ]
        found.append(Front.of((summary.metric, SECONDS), (modes[0], "min"), timed, seconds))
    return found


def unbeaten(values: Sequence[Sequence[float]]) -> list[int]:
    """Return the indices of the points that no other one beats, where more is better.

    Equal points do not beat each other.

    >>> unbeaten([(1, 5), (2, 4), (1, 4), (2, 4)])
    [0, 1, 3]
    """
    # In this order, whatever beats a point stands before it.
    order = sorted(range(len(values)), key=lambda index: tuple(values[index]), reverse=True)
    found: list[int] = []
    for index in order:
        if not any(_beats(values[other], values[index]) for other in found):
            found.append(index)
    return sorted(found)


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(mine >= theirs for mine, theirs in pairs) and any(
        mine > theirs for mine, theirs in pairs
    )


def _steps_to_final(evidence: Evidence, trial: TrialSummary) -> int:
    """Return the steps of all members when the trial first was as good as at its end; 0 if none."""
    if trial.metric is None or not trial.env_steps:
        return 0
    members = trial.total_env_steps / trial.env_steps
    for row in evidence.curves[trial.number]:
        if evidence.sign * (row[evidence.summary.metric] - trial.metric) >= 0:
            return int(row.get(TOTAL_ENV_STEPS) or round(row[ENV_STEPS] * members))
    return trial.total_env_steps


def _seconds_per_step(evidence: Evidence, trial: TrialSummary) -> float:
    """Return the mean time of training per step of all members; 0 where it is not recorded."""
    seconds = sum(evidence.seconds_by_stage[trial.number].values())
    return seconds / trial.trained_env_steps if trial.trained_env_steps else 0.0
