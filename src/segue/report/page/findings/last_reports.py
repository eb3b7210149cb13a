"""A warning where the winner is the best trial by its last report, but not by its last few."""

import math
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from segue.record.row import GENERATION, STAGE, Row
from segue.record.study.trials import TrialSummary
from segue.report.data.evidence import Evidence
from segue.report.page.findings.comparability import Finding, advice_to_retrain
from segue.report.page.headline import short

_REPORTS = 3
_CLEAR = 0.1  # of the trials' range of values


def last_reports(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    """Check whether another trial was clearly better over the last reports of both."""
    if evidence.summary.definition.mean_of_last > 1 or evidence.held_out:  # both say more
        return
    means = {
        trial.number: mean
        for trial in evidence.complete
        if (mean := _mean_of_last(evidence, trial)) is not None
    }
    if best.number not in means:
        return
    sign = evidence.sign
    numbers = [trial.number for trial in evidence.complete]
    other = max(means, key=lambda number: sign * means[number])
    if sign * (means[other] - means[best.number]) > _CLEAR * evidence.range > 0:
        text = (
            f"Trial {best.number} ended with {short(best.metric)}, but its last {_REPORTS} reports"
            f" have a mean of {short(means[best.number])}; those of trial {other} have"
            f" {short(means[other])}. Either trial {best.number} improved at its end, or its last"
            f" evaluation was lucky; Evaluation(mean_of_last={_REPORTS}) compares trials by such"
            f" means. {advice_to_retrain(evidence, numbers.index(other) + 1)}"
        )
        yield Finding("The winner is the best by its last report only", text)


def _mean_of_last(evidence: Evidence, trial: TrialSummary) -> float | None:
    """Return the mean of the last reports of a trial's agent in its last stage; None of too few."""
    rows = evidence.curves[trial.number]
    own = [row for row in rows if _agent(row) == _agent(rows[-1])]
    values = [row[evidence.summary.metric] for row in own[-_REPORTS:]]
    if len(values) < _REPORTS or not all(map(math.isfinite, values)):
        return None
    return fmean(values)


def _agent(row: Row) -> tuple[Any, Any]:
    """Return the stage of a report, and the generation whose agent trained in it."""
    return row.get(STAGE), row.get(GENERATION)
