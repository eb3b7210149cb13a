"""The table of all trials, and what it shows of a trial that is chosen: data for `trials.js`."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from segue.base.text import printable
from segue.record.files.description import TrialDescription
from segue.record.row import ENV_STEPS, METRIC_PER_SEED, Row
from segue.record.study.trials import TrialSummary
from segue.record.validation import read_object
from segue.report.data.definitions import as_ranges
from segue.report.data.evidence import Evidence
from segue.report.page.headline import short, value_with_spread
from segue.report.page.render import script_json

_DIGITS = 5
Cell = tuple[object, str]
"""The value by which a column is sorted and filtered, and its text."""


def trials_data(evidence: Evidence) -> Markup:
    """Return all trials as JSON for the page's table; "" if there are none."""
    if not evidence.trials:
        return Markup("")
    lines: dict[str, int] = {}
    by_title = dict(columns(evidence))
    listed = [*evidence.ranked, *_without_value(evidence)]
    trials = [
        {
            "number": trial.number,
            "cells": [cell(trial) for cell in by_title.values()],
            "facts": list(_facts(trial)),
            **_curve(evidence, trial),
            "losses": _losses(evidence, trial),
            "pipeline": [lines.setdefault(line, len(lines)) for line in _pipeline(evidence, trial)],
        }
        for trial in listed
    ]
    content = {
        "metric": evidence.summary.metric,
        "columns": list(by_title),
        "trials": trials,
        "lines": list(lines),  # pipelines differ in few lines
    }
    return Markup(script_json(content))


def _without_value(evidence: Evidence) -> list[TrialSummary]:
    ranked = {trial.number for trial in evidence.ranked}
    return [trial for trial in evidence.trials if trial.number not in ranked]


def columns(evidence: Evidence) -> Iterator[tuple[str, Callable[[TrialSummary], Cell]]]:
    """Yield the columns of the table of trials: a title, and the cell of a trial."""
    yield "trial", lambda trial: (trial.number, str(trial.number))
    yield evidence.summary.metric, lambda trial: (trial.metric, value_with_spread(trial))
    for name in evidence.summary.further_objectives:
        yield name, partial(_value, name)
    yield "state", lambda trial: (trial.state, trial.state)
    yield "steps", lambda trial: (trial.env_steps, f"{trial.env_steps:,}")
    if evidence.has_stages:
        yield "stage", _stage
    yield "seconds", partial(_seconds, evidence)
    if evidence.changes:
        yield "definition", lambda trial: (None, as_ranges(trial.definitions))
    names = dict.fromkeys(name for trial in evidence.trials for name in trial.parameters)
    for name in names:
        yield name, partial(_parameter, name)


def _value(name: str, trial: TrialSummary) -> Cell:
    value = trial.values.get(name)
    return value, "" if value is None else short(float(value))


def _stage(trial: TrialSummary) -> Cell:
    return trial.stage, f"{trial.stage or 1} of {trial.stages}" if trial.stages else ""


def _seconds(evidence: Evidence, trial: TrialSummary) -> Cell:
    seconds = sum(evidence.seconds_by_stage[trial.number].values())
    return (seconds, short(float(round(seconds, 1)))) if seconds else (None, "")


def _parameter(name: str, trial: TrialSummary) -> Cell:
    if name not in trial.parameters:
        return None, ""
    value = trial.parameters[name]
    is_plain = isinstance(value, int | float | str) and not isinstance(value, bool)
    return value if is_plain else str(value), short(value)


def _facts(trial: TrialSummary) -> Iterator[tuple[str, str]]:
    if trial.reason:
        yield "reason", trial.reason
    if len(trial.per_seed) > 1:
        yield "per seed", ", ".join(short(float(value)) for value in trial.per_seed)
    if trial.stages_ended_at:
        yield "stages ended after", ", ".join(f"{step:,}" for step in trial.stages_ended_at)
    for name, value in trial.constraints.items():
        state = "violated" if value > 0 else "satisfied"
        yield f"constraint {name}", f"{short(float(value))} ({state})"
    for moved in trial.lineage:
        yield "continued from", f"trial {moved['from']} at {moved['at']:,} steps"
    if trial.started:
        yield "started", f"{trial.started:%Y-%m-%d %H:%M:%S}"
    yield "directory", trial.directory


def _curve(evidence: Evidence, trial: TrialSummary) -> dict[str, Any]:
    """Return the steps, the metric and the metric by seed of each report, and the stages' ends."""
    rows = evidence.curves[trial.number]
    return {
        "steps": [row[ENV_STEPS] for row in rows],
        "values": [rounded(row[evidence.summary.metric]) for row in rows],
        "seeds": _by_seed(rows),
        "ends": list(trial.stages_ended_at)[:-1],
    }


def _by_seed(rows: Sequence[Row]) -> list[list[Any]]:
    per_row = [row.get(METRIC_PER_SEED) or [] for row in rows]
    seeds = max(map(len, per_row), default=0)
    if seeds < 2:
        return []
    return [
        [rounded(values[seed]) if seed < len(values) else None for values in per_row]
        for seed in range(seeds)
    ]


def _losses(evidence: Evidence, trial: TrialSummary) -> Mapping[str, Any]:
    return {
        name: [[step for step, _ in points], [rounded(value) for _, value in points]]
        for name, points in evidence.logs[trial.number].losses.items()
    }


def _pipeline(evidence: Evidence, trial: TrialSummary) -> Iterable[str]:
    layout = evidence.summary.layout.trial(trial.number)
    try:
        described = read_object(layout.trial, TrialDescription)
    except ValueError as error:
        return [f"The pipeline is not shown: {printable(str(error))}"]
    if described is None:
        return []
    setup = [f"{part}: {value}" for part, value in described.setup.items()]
    return [*setup, *described.text.splitlines()]


def rounded(value: object) -> object:
    """Return a number with five significant digits; None for one that is not finite.

    >>> rounded(0.123456789), rounded(float("nan"))
    (0.12346, None)
    """
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
