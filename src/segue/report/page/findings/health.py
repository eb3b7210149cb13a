"""Findings that a reader should see before trusting the winner."""

from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import fmean

from segue.base.text import plural
from segue.record.layout import RESULTS
from segue.record.row import ENV_STEPS
from segue.record.study.attributes import PREDICTED_END
from segue.record.study.trials import TrialSummary
from segue.record.validation import skipped
from segue.report.data.evidence import Evidence
from segue.report.page.figures.curves import TOP_TRIALS
from segue.report.page.figures.optuna_view import distributions
from segue.report.page.findings.comparability import Finding, definitions, runner_up
from segue.report.page.findings.influence import without_influence
from segue.report.page.findings.last_reports import last_reports
from segue.report.page.findings.misleading import misleading
from segue.report.page.findings.ranges import end_of_range
from segue.report.page.headline import short

FEW_TRIALS = 10
# Shares of the trials' range of values.
_DROP = 0.1
_DISAGREEMENT = 0.5


def health(evidence: Evidence, importances: Mapping[str, float]) -> list[Finding]:
    """Return all findings, the most consequential first.

    `importances` holds the importance of each parameter for the final metric.
    """
    best = evidence.winner
    if best is None or best.state != "complete":
        return [
            Finding("No trial has run to its end yet", "There is no final winner."),
            *definitions(evidence, best),
            *_failures(evidence),
            *_damaged(evidence),
        ]
    checks = (
        definitions,
        runner_up,
        last_reports,
        _held_out,
        _few,
        _disagreement,
        _border,
        _drop,
        _rising,
        misleading,
        _pruned_ahead,
    )
    found = [finding for check in checks for finding in check(evidence, best)]
    found += without_influence(evidence, best, importances, FEW_TRIALS)
    return [*found, *_failures(evidence), *_damaged(evidence)]


def _held_out(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    """Check whether held-out seeds confirm the search: the best of many trials is partly luck."""
    configurations = evidence.held_out.configurations if evidence.held_out else ()
    unseen = {each.trial: each for each in configurations}
    if best.number not in unseen or best.metric is None:
        return
    found = unseen[best.number].iqm.value
    if evidence.sign * (best.metric - found) > _DROP * evidence.range > 0:
        text = (
            f"Trial {best.number} reached {short(best.metric)} in the search and {short(found)} on"
            " held-out seeds."
        )
        yield Finding("The winner is worse on held-out seeds than in the search", text)


def _few(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    if len(evidence.complete) < FEW_TRIALS:
        text = (
            f"{plural(len(evidence.complete), 'trial')} ran to the end, so that importances and"
            " slices rest on little data."
        )
        if any(trial.state == "pruned" for trial in evidence.trials):
            text += (
                " Stopped trials are shown with their last value, which is not comparable with a"
                " final one."
            )
        yield Finding("Few complete trials", text)


def _disagreement(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    if len(best.per_seed) > 1:
        spread = max(best.per_seed) - min(best.per_seed)
        if spread > _DISAGREEMENT * evidence.range > 0:
            seeds = ", ".join(short(value) for value in best.per_seed)
            text = (
                f"The seeds of trial {best.number} reached {seeds}: their mean says little about a"
                " further run."
            )
            yield Finding("The seeds of the best trial disagree", text)


def _border(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    """Check whether the best value is at an end of its range, beyond which nothing was tried."""
    equal = [trial for trial in evidence.complete if trial.metric == best.metric]
    for name, distribution in distributions(evidence.summary.trials).items():
        ends = {
            end_of_range(trial.parameters[name], distribution)
            for trial in equal
            if name in trial.parameters
        }
        if name not in best.parameters or len(ends) != 1:
            continue
        if end := ends.pop():  # no equally good trial is elsewhere
            text = (
                f"{name} = {short(best.parameters[name])} is at the {end} end of its range: extend"
                " the range in this direction."
            )
            yield Finding(f"The best {name} is at the border of its range", text)


def _drop(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    """Check whether the best trial was better before its end."""
    sign = evidence.sign
    rows = evidence.curves[best.number]
    metric = evidence.summary.metric
    if not rows or best.metric is None:
        return
    peak = max(rows, key=lambda row: sign * row[metric])
    if sign * (peak[metric] - best.metric) > _DROP * evidence.range > 0:
        what = "its last stage" if evidence.has_stages else "its training"
        text = (
            f"Trial {best.number} had reached {short(peak[metric])} at {peak[ENV_STEPS]:,} steps"
            f" and ended with {short(best.metric)}: {what} is too long, or unstable."
        )
        yield Finding("The best trial was better before its end", text)


def _rising(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    """Check whether the best trials were still improving when they ended."""
    rises = [
        rise
        for trial in evidence.complete[:TOP_TRIALS]
        if (rise := _late_rise(evidence, trial)) is not None
    ]
    if rises and fmean(rises) > _DROP * evidence.range > 0:
        text = (
            f"Over the last quarter of their steps the best trials gained {short(fmean(rises))} on"
            " average: longer pipelines may be worth more than other parameters."
        )
        yield Finding("The best trials were still improving when they ended", text)


def _late_rise(evidence: Evidence, trial: TrialSummary) -> float | None:
    rows = evidence.curves[trial.number]
    metric = evidence.summary.metric
    late = [row for row in rows if row[ENV_STEPS] >= 0.75 * trial.env_steps]
    half = len(late) // 2
    if half < 2:
        return None
    first, second = (fmean(row[metric] for row in part) for part in (late[:half], late[-half:]))
    return evidence.sign * (second - first)


def _pruned_ahead(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    """Check whether stopped trials were ahead of the winner at the same number of steps."""
    winner = {row[ENV_STEPS]: row[evidence.summary.metric] for row in evidence.curves[best.number]}
    ahead = [
        trial.number
        for trial in sorted(evidence.trials, key=lambda trial: trial.number)
        if trial.state == "pruned" and trial.metric is not None and trial.env_steps in winner
        if evidence.sign * (trial.metric - winner[trial.env_steps]) > 0
    ]
    if ahead:
        numbers = ", ".join(map(str, ahead[:TOP_TRIALS]))
        noun = "Trial" if len(ahead) == 1 else "Trials"
        more = f" and {len(ahead) - TOP_TRIALS} more" if len(ahead) > TOP_TRIALS else ""
        within = ", or compare trials within stages" if evidence.has_stages else ""
        advice = f"Use a longer grace period{within}."
        if any(PREDICTED_END in trial.user_attrs for trial in evidence.summary.trials):
            advice = "The section Predicted ends shows what the search expected of them."
        text = (
            f"{noun} {numbers}{more} had a better value when stopped than trial {best.number} at"
            f" the same number of steps. {advice}"
        )
        yield Finding("Pruning may have removed better trials", text)


def _failures(evidence: Evidence) -> Iterator[Finding]:
    failed = [trial for trial in evidence.trials if trial.state == "failed"]
    if failed:
        (reason, count), *_ = Counter(
            trial.reason or "unknown reason" for trial in failed
        ).most_common(1)
        text = (
            f"{len(failed)} of {plural(len(evidence.trials), 'trial')} failed; the most frequent"
            f" reason ({plural(count, 'trial')}): {reason}"
        )
        yield Finding("Trials failed", text)


def _damaged(evidence: Evidence) -> Iterator[Finding]:
    lines = [evidence.summary.problem, skipped(evidence.damaged, RESULTS), evidence.problem]
    if any(lines):
        yield Finding("The run is damaged", " ".join(line for line in lines if line))
