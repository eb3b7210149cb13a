"""What to be careful about before the winner is believed, in plain words."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, TypeGuard

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from segue.report.data.evidence import Evidence
from segue.report.data.facts import TrialFacts
from segue.report.data.statistics import probability_of_improvement
from segue.report.data.summary import command_for
from segue.report.page.curves import SHOWN
from segue.report.page.headline import short
from segue.report.page.shown_study import distributions

FEW_TRIALS = 10
_SURE = 0.9  # of being better
_BORDER = 0.05  # of a range
_IDLE = 0.05  # of the importance
_DROP = 0.1  # of the trials' range of values
_DISAGREEMENT = 0.5  # of the same


@dataclass(frozen=True)
class Finding:
    """One thing to know: a short title, and what it means and what to do."""

    title: str
    text: str


def health(evidence: Evidence, importances: Mapping[str, float]) -> list[Finding]:
    """All findings, the most consequential first. `importances` are those of the final metric."""
    best = evidence.winner
    if best is None or best.state != "complete":
        return [
            Finding("No trial has run to its end yet", "There is no winner to speak of."),
            *_failures(evidence),
        ]
    checks = (_second, _promise, _few, _disagreement, _border, _drop, _rising, _pruned_winners)
    found = [finding for check in checks for finding in check(evidence, best)]
    return [*found, *_idle(evidence, importances), *_failures(evidence), *_broken(evidence)]


def _second(evidence: Evidence, best: TrialFacts) -> Iterator[Finding]:
    """Is the winner told from the second?"""
    if len(evidence.complete) < 2 or evidence.held_out:  # which says more
        return
    first, second = evidence.complete[:2]
    lead = (
        f"Trial {first.number} has {short(first.metric)}, trial {second.number}"
        f" {short(second.metric)}"
    )
    seeds = min(len(first.per_seed), len(second.per_seed))
    command = command_for(
        "segue", "retrain", str(evidence.summary.run), "--top", "3", "--seeds", "10"
    )
    retrain = f"Retrain the best on new seeds: {command}"
    if seeds < 2:
        yield Finding(
            "One seed cannot tell the winner from the second",
            f"{lead}, each on one seed. {retrain}",
        )
        return
    chance = probability_of_improvement(
        first.per_seed, second.per_seed, "max" if evidence.sign > 0 else "min"
    )
    if chance.value < _SURE or seeds < SHOWN:
        says = (
            f"{lead}; by its {seeds} seeds, a run of the first is better than one of the second"
            " with probability "
        )
        yield Finding(
            "The winner is not told from the second", f"{says}{chance.value:.2f}. {retrain}"
        )


def _promise(evidence: Evidence, best: TrialFacts) -> Iterator[Finding]:
    """Did held-out seeds give what the search said? The best of many trials is partly luck."""
    unseen = (
        {each.trial: each for each in evidence.held_out.configurations} if evidence.held_out else {}
    )
    if best.number not in unseen or best.metric is None:
        return
    found = unseen[best.number].iqm.value
    if evidence.sign * (best.metric - found) > _DROP * _range(evidence) > 0:
        text = (
            f"Trial {best.number} had {short(best.metric)} in the search and {short(found)} on"
            " held-out seeds."
        )
        yield Finding("The search promised more than held-out seeds gave", text)


def _few(evidence: Evidence, best: TrialFacts) -> Iterator[Finding]:
    if len(evidence.complete) < FEW_TRIALS:
        text = (
            f"{len(evidence.complete)} trials ran to their end: importance and slices rest on"
            " little. What the others had when they were stopped is shown, and is not comparable"
            " with a final value."
        )
        yield Finding("Few complete trials", text)


def _disagreement(evidence: Evidence, best: TrialFacts) -> Iterator[Finding]:
    if len(best.per_seed) > 1:
        spread = max(best.per_seed) - min(best.per_seed)
        if spread > _DISAGREEMENT * _range(evidence) > 0:
            seeds = ", ".join(short(value) for value in best.per_seed)
            text = (
                f"Trial {best.number} had {seeds}: its mean says little about the next run of it."
            )
            yield Finding("The seeds of the best trial disagree", text)


def _border(evidence: Evidence, best: TrialFacts) -> Iterator[Finding]:
    """Is the best point at an end of a range, beyond which nothing was tried?"""
    equal = [trial for trial in evidence.complete if trial.metric == best.metric]
    for name, distribution in distributions(evidence.summary.trials).items():
        ends = {
            _end_of_range(trial.parameters[name], distribution)
            for trial in equal
            if name in trial.parameters
        }
        if len(ends) == 1 and (end := ends.pop()):  # no trial away from that border did as well
            text = (
                f"{name} = {short(best.parameters[name])} is at the {end} end of what was tried:"
                " try further there."
            )
            yield Finding(f"The best {name} is on the border", text)


def _end_of_range(value: Any, distribution: Any) -> str | None:
    if isinstance(distribution, CategoricalDistribution):
        numbers = sorted(float(choice) for choice in distribution.choices if _isshort(choice))
        if len(numbers) < len(distribution.choices) or len(numbers) < 3:
            return None
        return "lower" if value == numbers[0] else "upper" if value == numbers[-1] else None
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    share = _share(float(value), distribution)
    return "lower" if share < _BORDER else "upper" if share > 1 - _BORDER else None


def _share(value: float, distribution: FloatDistribution | IntDistribution) -> float:
    """Where in its range a value lies, from 0 to 1."""
    scale = math.log if distribution.log else float
    low, high = scale(distribution.low), scale(distribution.high)
    return (scale(value) - low) / (high - low)


def _drop(evidence: Evidence, best: TrialFacts) -> Iterator[Finding]:
    """Was the best trial better before its end?"""
    sign, rows, metric = evidence.sign, evidence.curves[best.number], evidence.summary.metric
    if not rows or best.metric is None:
        return
    peak = max(rows, key=lambda row: sign * row[metric])
    if sign * (peak[metric] - best.metric) > _DROP * _range(evidence) > 0:
        text = (
            f"Trial {best.number} had {short(peak[metric])} at {peak['env_steps']:,} steps and"
            f" ended with {short(best.metric)}: its last stage is too long, or unstable."
        )
        yield Finding("The best trial was better before its end", text)


def _rising(evidence: Evidence, best: TrialFacts) -> Iterator[Finding]:
    """Do the best trials still get better when they end?"""
    rises = [
        rise
        for trial in evidence.complete[:SHOWN]
        if (rise := _late_rise(evidence, trial)) is not None
    ]
    if rises and fmean(rises) > _DROP * _range(evidence) > 0:
        text = (
            f"Over the last quarter of their steps the best trials gained {short(fmean(rises))} on"
            " average: longer pipelines may be worth more than other parameters."
        )
        yield Finding("The best trials were still improving when they ended", text)


def _late_rise(evidence: Evidence, trial: TrialFacts) -> float | None:
    rows, metric = evidence.curves[trial.number], evidence.summary.metric
    late = [row for row in rows if row["env_steps"] >= 0.75 * trial.env_steps]
    half = len(late) // 2
    if half < 2:
        return None
    first, second = (fmean(row[metric] for row in part) for part in (late[:half], late[-half:]))
    return evidence.sign * (second - first)


def _pruned_winners(evidence: Evidence, best: TrialFacts) -> Iterator[Finding]:
    """Were trials stopped that stood better than the winner did at the same steps?"""
    winner = {
        row["env_steps"]: row[evidence.summary.metric] for row in evidence.curves[best.number]
    }
    ahead = [
        trial.number
        for trial in sorted(evidence.trials, key=lambda trial: trial.number)
        if trial.state == "pruned" and trial.metric is not None and trial.env_steps in winner
        if evidence.sign * (trial.metric - winner[trial.env_steps]) > 0
    ]
    if ahead:
        numbers = ", ".join(map(str, ahead[:SHOWN])) + f" and {len(ahead) - SHOWN} more" * (
            len(ahead) > SHOWN
        )
        text = (
            f"When they were stopped, {_trials(ahead)} {numbers} stood better than the winner did"
            " at the same steps: give trials more steps before they are judged (a longer grace"
            " period), or judge within stages."
        )
        yield Finding("Pruning may have removed winners", text)


def _idle(evidence: Evidence, importances: Mapping[str, float]) -> Iterator[Finding]:
    idle = [name for name, importance in importances.items() if importance < _IDLE]
    if idle and len(evidence.complete) >= FEW_TRIALS:
        text = (
            f"{', '.join(idle)} hardly changed the final {evidence.summary.metric}: fix what does"
            " not matter."
        )
        yield Finding("Parameters that do not matter here", text)


def _failures(evidence: Evidence) -> Iterator[Finding]:
    failed = [trial for trial in evidence.trials if trial.state == "fail"]
    if failed:
        (reason, count), *_ = Counter(
            trial.why or "for an unknown reason" for trial in failed
        ).most_common(1)
        text = (
            f"{len(failed)} of {len(evidence.trials)} trials failed, {count} of them with: {reason}"
        )
        yield Finding("Trials failed", text)


def _broken(evidence: Evidence) -> Iterator[Finding]:
    if evidence.broken_lines:
        text = (
            f"{evidence.broken_lines} lines of the trials' results cannot be read, and are left"
            " out."
        )
        yield Finding("Results are damaged", text)


def _range(evidence: Evidence) -> float:
    """From the median trial to the best: what the search is about."""
    values = [trial.metric for trial in evidence.judged if trial.metric is not None]
    return abs(values[0] - median(values)) if values else 0.0


def _trials(numbers: list[int]) -> str:
    return "trial" if len(numbers) == 1 else "trials"


def _isshort(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
