"""What services show of a trial: its summary, with the parameters that its pipeline gets."""

import json
import math
from dataclasses import replace
from typing import Any

from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import describe
from segue.record.study.attributes import objective_names
from segue.record.study.trials import TrialSummary, summarize
from segue.tune.study.record import StudyRecord


def summary_of(record: StudyRecord, sweep: Sweep, number: int) -> TrialSummary:
    """Return the summary of a trial; its parameters are numbers, texts, True or False."""
    found = summarize(record.trial(number), objective_names(sweep))
    parameters = {
        name: scalar_or_text(value) for name, value in _parameters(record, number).items()
    }
    return replace(found, parameters=parameters)


def scalar_or_text(value: object) -> int | float | str | bool:
    """Return a finite number, a text, True or False as it is; anything else as text.

    >>> [scalar_or_text(value) for value in (0.5, "relu", [64, 64], None, float("inf"))]
    [0.5, 'relu', '[64, 64]', 'None', 'inf']
    """
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value) if value is None or isinstance(value, float) else json.dumps(describe(value))


def _parameters(record: StudyRecord, number: int) -> dict[str, Any]:
    recorded = record.recorded(number)  # labels in place of values that a study cannot hold
    try:
        return record.trained_with(number) | recorded
    except Exception:  # the pipeline function may have changed, and reject the trial
        return recorded
