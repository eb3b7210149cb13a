"""The first screen of a report: what was asked, what won, and how sure that is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segue.report.data.evidence import Evidence
from segue.report.data.facts import TrialFacts
from segue.report.data.summary import mean_and_spread, progress_line

_ROWS = 10


@dataclass(frozen=True)
class Headline:
    """Words and tables; every text is plain, and escaped where it is shown."""

    name: str
    question: str
    counts: str
    answer: str
    ties: str
    parameters: Mapping[str, str]
    facts: Mapping[str, str]
    columns: tuple[str, ...]
    table: list[tuple[str, ...]]


def headline(evidence: Evidence) -> Headline:
    """What a person wants to know first."""
    summary, best = evidence.summary, evidence.winner
    is_running = " The sweep is running." * evidence.running
    columns = tuple(
        dict.fromkeys(name for trial in evidence.judged[:_ROWS] for name in trial.parameters)
    )
    return Headline(
        name=summary.name,
        question=str(summary.recorded.get("question") or ""),
        counts=progress_line(summary).partition(": ")[2] + "." + is_running,
        answer=_answer(evidence, best),
        ties=_ties(evidence),
        parameters={name: short(value) for name, value in best.parameters.items()} if best else {},
        facts=dict(_facts(evidence, best)) if best else {},
        columns=("trial", summary.metric, "steps", "stage", "ended", *columns),
        table=[_row(trial, columns) for trial in evidence.judged[:_ROWS]],
    )


def short(value: Any) -> str:
    """A value for people: four digits of a number, thousands apart."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def value_with_spread(trial: TrialFacts) -> str:
    """The metric, with the standard deviation over seeds where there are several."""
    mean = "" if trial.metric is None else short(float(trial.metric))
    return (
        f"{mean} ± {short(mean_and_spread(trial.per_seed)[1])}" if len(trial.per_seed) > 1 else mean
    )


def _answer(evidence: Evidence, best: TrialFacts | None) -> str:
    if best is None:
        return "No trial has a value yet."
    unseen = evidence.held_out.configurations[0] if evidence.held_out else None
    if unseen and unseen.trial == best.number:
        return (
            f"Trial {best.number}: {evidence.summary.metric} {short(unseen.iqm.value)} on seeds"
            " that it never saw"
        )
    way = "" if best.state == "complete" else f" when it was stopped after {best.env_steps:,} steps"
    return f"Trial {best.number}: {evidence.summary.metric} {value_with_spread(best)}{way}"


def _ties(evidence: Evidence) -> str:
    """Which other trials ended with the very same value."""
    complete = [] if evidence.held_out else evidence.complete
    equal = [str(trial.number) for trial in complete[1:] if trial.metric == complete[0].metric]
    shown = ", ".join(equal[:_ROWS]) + f" and {len(equal) - _ROWS} more" * (len(equal) > _ROWS)
    return f"Equal to it: {'trial' if len(equal) == 1 else 'trials'} {shown}." if equal else ""


def _facts(evidence: Evidence, best: TrialFacts) -> Iterator[tuple[str, str]]:
    if evidence.held_out:
        yield "in the search", value_with_spread(best)
    elif len(best.per_seed) > 1:
        yield "by seed", ", ".join(short(float(value)) for value in best.per_seed)
    yield "steps of a seed", f"{best.env_steps:,}"
    ends = best.stages_ended_at
    if len(ends) > 1:
        lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
        yield "stages", " + ".join(f"{length:,}" for length in lengths)
    total = sum(trial.total_env_steps for trial in evidence.trials)
    yield "steps of the sweep", f"{total:,}"


def _row(trial: TrialFacts, columns: tuple[str, ...]) -> tuple[str, ...]:
    stage = f"{(trial.stage or 0) + 1} of {trial.stages}" if trial.stages else ""
    parameters = [
        short(trial.parameters[name]) if name in trial.parameters else "" for name in columns
    ]
    return (
        str(trial.number),
        value_with_spread(trial),
        f"{trial.env_steps:,}",
        stage,
        trial.state,
        *parameters,
    )
