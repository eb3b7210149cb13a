"""Findings on whether the best trials can be compared: by their seeds, and by their definitions."""

from collections.abc import Iterator
from dataclasses import dataclass

from segue.base.text import plural
from segue.record.study.trials import TrialSummary
from segue.report.data.commands import command_for
from segue.report.data.definitions import as_ranges
from segue.report.data.evidence import Evidence
from segue.report.data.statistics import ENOUGH_SEEDS, probability_of_improvement
from segue.report.page.headline import short

_SURE = 0.9  # probability of improvement
_RETRAINED = 3  # best trials that the report recommends to retrain
_MOST_RETRAINED = 10


@dataclass(frozen=True)
class Finding:
    """A short title, and a text that explains it and what to do about it."""

    title: str
    text: str


def definitions(evidence: Evidence, best: TrialSummary | None) -> Iterator[Finding]:
    """Report which definition trained which trials, if the sweep changed while the run was made."""
    if not evidence.changes:
        return
    last = len(evidence.changes) + 1
    parts = [f"Definition 1: {_trained_by(evidence, 1)}."]
    for number, change in enumerate(evidence.changes, start=2):
        who = _trained_by(evidence, number)
        what = "; ".join(change.entries)
        parts.append(f"Definition {number}, since {change.time}: {who}. Changed: {what}.")
    if across := [trial.number for trial in evidence.trials if len(trial.definitions) > 1]:
        parts.append(f"Started under one and continued under another: {_trials(across)}.")
    if best and best.definitions and best.definitions[-1] != last:
        parts.append(
            f"The winner, trial {best.number}, is of definition {best.definitions[-1]}; the sweep's"
            f" file now has definition {last}."
        )
    if any(change.alters_training for change in evidence.changes):
        title = "Trials were trained by different definitions"
        parts.append("Compare only trials of the same definition.")
    else:
        title = "The search changed during the sweep"
    yield Finding(title, " ".join(parts))


def runner_up(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    """Check whether the winner is distinguishable from the runner-up."""
    if len(evidence.complete) < 2 or evidence.held_out:  # held-out seeds say more
        return
    if evidence.tied:
        yield _tie(evidence)
        return
    first, second = evidence.complete[:2]
    values = (
        f"Trial {first.number} reached {short(first.metric)}, trial {second.number}"
        f" {short(second.metric)}"
    )
    seeds = max(1, min(len(first.per_seed), len(second.per_seed)))
    retrain = advice_to_retrain(evidence, _RETRAINED)
    if seeds < ENOUGH_SEEDS:
        few = "One seed" if seeds == 1 else f"{seeds} seeds"
        text = (
            f"{values}, each on {plural(seeds, 'seed')}. The difference may be chance: a comparison"
            f" takes at least {ENOUGH_SEEDS} seeds of each. {retrain}"
        )
        yield Finding(f"{few} cannot distinguish the winner from the runner-up", text)
        return
    chance = probability_of_improvement(
        first.per_seed, second.per_seed, "max" if evidence.sign > 0 else "min"
    )
    if chance.value < _SURE:
        text = (
            f"{values}. Over {seeds} seeds, a run of the former is better than a run of the latter"
            f" with probability {chance.value:.2f}. {retrain}"
        )
        yield Finding("The winner is not distinguishable from the runner-up", text)


def _tie(evidence: Evidence) -> Finding:
    tied = evidence.tied
    value = f"{evidence.summary.metric} {short(tied[0].metric)}"
    text = (
        f"Trials {as_ranges(trial.number for trial in tied)} ended with {value}: the metric does"
        " not distinguish them. Compare them by a further objective, such as the steps to a value."
        f" {advice_to_retrain(evidence, len(tied))}"
    )
    return Finding("The best trials are tied", text)


def advice_to_retrain(evidence: Evidence, top: int) -> str:
    """Return the advice to retrain the best trials, with its command."""
    top = min(max(top, _RETRAINED), _MOST_RETRAINED)
    command = command_for(
        "segue", "retrain", str(evidence.summary.run), "--top", str(top), "--seeds", "10"
    )
    return f"Retrain the best trials on new seeds: `{command}`."


def _trained_by(evidence: Evidence, number: int) -> str:
    return _trials([trial.number for trial in evidence.trials if trial.definitions == (number,)])


def _trials(numbers: list[int]) -> str:
    if not numbers:
        return "no trial"
    return f"trial{'' if len(numbers) == 1 else 's'} {as_ranges(numbers)}"
