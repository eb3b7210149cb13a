"""What a trainer of the user's own reports: checked, and brought into one form."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from segue.base.text import listed, plural
from segue.plan.tracker import ScalarMeanTracker
from segue.record.row import FIELDS, TUNE_FIELDS
from segue.train.own.signals import TrainerError
from segue.train.own.spec import TrainerSpec
from segue.train.trials.values import aggregated

Metrics: TypeAlias = float | Mapping[str, float] | ScalarMeanTracker | None
"""The sweep's metric, several by name, or a tracker of them, whose means count."""


def check_reported_name(name: str) -> None:
    """Raise ValueError for a metric whose name means something else in a report."""
    if name in FIELDS | TUNE_FIELDS or "/" in name:
        what = "contains a slash" if "/" in name else "is a field of every report"
        raise ValueError(f"The metric is {name!r}, which {what}: give it another name.")


def steps_of_report(env_steps: Any, before: int) -> int:
    """Return the steps of a report; raise TrainerError unless they are after those `before`."""
    try:
        steps = operator.index(env_steps)  # of NumPy's integers too
    except TypeError as error:
        raise TrainerError(
            f"The trainer reports {env_steps!r} as env_steps: give a whole number."
        ) from error
    if steps <= before:
        raise TrainerError(
            f"The trainer reports {steps:,} steps after {before:,}: env_steps counts the"
            " environment steps of one seed since the trial began, also in a trial that resumes,"
            " and must grow from report to report."
        )
    return steps


def values_by_seed(
    spec: TrainerSpec, metric: Metrics, per_seed: Sequence[float] | None, steps: int
) -> tuple[float, list[float], dict[str, float]]:
    """Return the metric of each seed, and the other reported metrics that are finite.

    Raise TrainerError for a report without the metric, with something that is not a number, or
    with another number of values than seeds; FloatingPointError for a metric that is not finite.
    """
    metrics = _by_name(spec, metric)
    own = metrics.pop(spec.metric, None)
    if per_seed is not None and own is not None:
        raise TrainerError(
            f"The trainer reports {spec.metric!r} and per_seed after {steps:,} steps: leave out the"
            " former, which follows from per_seed."
        )
    if per_seed is None and own is None:
        others = f"{listed([*map(repr, metrics)])}, but " if metrics else ""
        raise TrainerError(
            f"The trainer reports {others}no {spec.metric!r} after {steps:,} steps: the sweep has"
            " it as its metric."
        )
    values = _per_seed(spec, [own] if per_seed is None else per_seed, steps)
    value = aggregated(spec.metric, values, spec.aggregate, steps)
    return value, values, {name: value for name, value in metrics.items() if math.isfinite(value)}


def check_last_report(spec: TrainerSpec, means: Mapping[str, float]) -> None:
    """Raise TrainerError if the last report lacks an objective of the sweep."""
    for name in spec.objectives:
        if name not in means:
            raise TrainerError(
                f"The trainer's last report has no {name!r}, which is an objective of the sweep:"
                f" it has {listed([*map(repr, means)])}."
            )


def _by_name(spec: TrainerSpec, metric: Metrics) -> dict[str, float]:
    if metric is None:
        return {}
    if isinstance(metric, ScalarMeanTracker):
        return metric.means()
    given = metric if isinstance(metric, Mapping) else {spec.metric: metric}
    return {str(name): _number(str(name), value) for name, value in given.items()}


def _per_seed(spec: TrainerSpec, values: Sequence[Any], steps: int) -> list[float]:
    numbers = [_number(spec.metric, value) for value in values]
    if len(numbers) != len(spec.seeds):
        raise TrainerError(
            f"The trainer reports {plural(len(numbers), 'value')} of {spec.metric!r} after"
            f" {steps:,} steps, but the trial has {plural(len(spec.seeds), 'seed')}: give per_seed"
            " with one value for each of trial.seeds."
        )
    return numbers


def _number(name: str, value: Any) -> float:
    tracker = ScalarMeanTracker()
    try:
        tracker.add_scalars({name: value})  # which checks it
    except TypeError as error:
        raise TrainerError(
            f"The trainer reports {name!r} as {value!r}: give one number."
        ) from error
    return tracker.means()[name]
