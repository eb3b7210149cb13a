"""Findings on parameters that explain little: over all trials, and near the winner."""

from collections.abc import Iterator, Mapping

from segue.base.text import plural
from segue.record.study.trials import TrialSummary
from segue.report.data.evidence import Evidence
from segue.report.page.findings.comparability import Finding
from segue.report.page.headline import short

_LITTLE = 0.05  # importance below which a parameter does not matter over all trials
_MATTERS = 0.1  # share of the range between the median and the best trial, as of other findings


def without_influence(
    evidence: Evidence, best: TrialSummary, importances: Mapping[str, float], few: int
) -> Iterator[Finding]:
    """Report parameters that explain little, and those of them that matter near the winner.

    The importance is an average over the whole space. A parameter may decide where the others are
    as the winner's, which its neighbours show: trials that differ from it in that parameter only.
    Nothing is said with fewer than `few` complete trials.
    """
    if len(evidence.complete) < few:
        return
    least = _MATTERS * evidence.range
    idle = []
    for name in (name for name, share in importances.items() if share < _LITTLE):
        gaps = {each.number: _gap(best, each) for each in _neighbours(evidence, best, name)}
        other = max(gaps, key=gaps.__getitem__, default=None)
        if other is not None and gaps[other] > least:
            yield _near_winner(evidence, best, name, other, importances[name])
        else:
            idle.append(name)
    if idle:
        text = (
            f"{', '.join(idle)} hardly changed the final {evidence.summary.metric} and can be fixed"
            " in the next sweep."
        )
        yield Finding("Parameters without influence", text)


def _near_winner(
    evidence: Evidence, best: TrialSummary, name: str, other: int, importance: float
) -> Finding:
    neighbour = next(trial for trial in evidence.complete if trial.number == other)
    values = [short(trial.parameters[name]) for trial in (best, neighbour)]
    ends = [short(trial.metric) for trial in (best, neighbour)]
    seeds = plural(len(best.per_seed), "seed")
    text = (
        f"Over all trials its importance is {importance:.2f}. But trials {best.number} and"
        f" {other} differ in {name} alone ({values[0]} and {values[1]}), and ended with"
        f" {evidence.summary.metric} {ends[0]} and {ends[1]}, each on {seeds}: search {name}"
        " further, with the other parameters as the winner's."
    )
    return Finding(f"{name} matters near the winner", text)


def _neighbours(evidence: Evidence, best: TrialSummary, name: str) -> list[TrialSummary]:
    """Return the complete trials that differ from the winner in one parameter only."""
    if name not in best.parameters:
        return []
    return [
        trial
        for trial in evidence.complete
        if trial.parameters.keys() == best.parameters.keys()
        and [key for key in best.parameters if trial.parameters[key] != best.parameters[key]]
        == [name]
    ]


def _gap(best: TrialSummary, other: TrialSummary) -> float:
    return abs((best.metric or 0.0) - (other.metric or 0.0))
