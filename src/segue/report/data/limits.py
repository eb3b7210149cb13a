"""Which limit of a sweep has been reached, so that no further trial starts."""

from collections.abc import Mapping
from typing import Any

from optuna.trial import TrialState

from segue.record.local_run import is_running
from segue.report.data.facts import facts
from segue.report.data.summary import Summary


def reached_limit(summary: Summary) -> str | None:
    """Return, in a sentence, why no further trial of a sweep starts although trials are left.

    None of a sweep that runs, that has interrupted trials, or whose limits allow further trials.
    """
    starts = summary.definition.runs
    if not starts or summary.counts[TrialState.RUNNING] or is_running(summary.run):
        return None
    if summary.requested is None or summary.started >= summary.requested:
        return None
    return _target(summary, starts[-1]) or _steps(summary, starts[-1])


def _target(summary: Summary, start: Mapping[str, Any]) -> str | None:
    target = start.get("target")
    if target is None:
        return None
    sign = 1.0 if summary.mode == "max" else -1.0
    for trial in summary.trials:
        is_complete = trial.state == TrialState.COMPLETE and trial.values
        if is_complete and sign * (trial.values[0] - target) >= 0:
            return f"Trial {trial.number} reached the target of {target:g} (--target)."
    return None


def _steps(summary: Summary, start: Mapping[str, Any]) -> str | None:
    limit = start.get("max_env_steps")
    if limit is None:
        return None
    longest = start.get("longest_trial", 0)
    left = limit - sum(trial.trained_env_steps for trial in facts(summary))
    if left >= longest:
        return None
    return (
        f"The budget of {limit:,} steps is spent: {max(left, 0):,} are left, and a trial takes up"
        f" to {longest:,} (--max-steps)."
    )
