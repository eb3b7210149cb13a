"""Which trials of a study are best, and by which value."""

from collections.abc import Iterable

from optuna.trial import FrozenTrial, TrialState

from segue.record.study import attributes


def metric_of(trial: FrozenTrial) -> float | None:
    """Return the metric that a trial ended with, or was stopped with; None where it has none."""
    if trial.values:
        return float(trial.values[0])
    if trial.state != TrialState.PRUNED:
        return None
    return trial.intermediate_values.get(trial.last_step or 0)


def is_paused(trial: FrozenTrial) -> bool:
    """Return whether a trial of a study is paused: it does not train, and may be resumed."""
    mark = trial.user_attrs.get(attributes.PAUSED)
    return trial.state == TrialState.RUNNING and mark is not None


def is_allowed(trial: FrozenTrial) -> bool:
    """Return whether a trial violates no constraint."""
    return all(value <= 0 for value in trial.user_attrs.get(attributes.CONSTRAINTS, {}).values())


def ranked(trials: Iterable[FrozenTrial], mode: str) -> list[FrozenTrial]:
    """Return the trials that have a metric, best first.

    Complete trials come before pruned ones, of which the longest come first. Of both, trials that
    violate a constraint come last. Of equal trials, the earlier one comes first.
    """
    found = [trial for trial in trials if metric_of(trial) is not None]
    by_value = sorted(found, key=lambda trial: metric_of(trial) or 0.0, reverse=mode == "max")
    complete = [trial for trial in by_value if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in by_value if trial.state == TrialState.PRUNED]
    longest = sorted(pruned, key=lambda trial: trial.last_step or 0, reverse=True)
    return [
        *sorted(complete, key=lambda trial: not is_allowed(trial)),
        *sorted(longest, key=lambda trial: not is_allowed(trial)),
    ]


def best_complete(trials: Iterable[FrozenTrial], mode: str) -> FrozenTrial | None:
    """Return the best complete trial, one that violates no constraint if there is any."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return next(iter(ranked(complete, mode)), None)
