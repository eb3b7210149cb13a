"""The first screen of a report: the question, the winner, and how certain it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from segue.record.trials import TrialSummary
from segue.report.data.evidence import Evidence
from segue.report.data.summary import mean_and_spread, progress_line

_ROWS = 10  # trials in the table


@dataclass(frozen=True)
class Headline:
    """Texts and the table of the first screen; all are plain text, escaped by the template."""

    name: str
    question: str
    counts: str
    answer: str
    ties: str
    parameters: Mapping[str, str]
    facts: Mapping[str, str]
    columns: tuple[str, ...]
    table: list[tuple[str, ...]]


def build_headline(evidence: Evidence) -> Headline:
    """Return the content of the first screen of a report."""
    summary = evidence.summary
    best = evidence.winner
    running = " The sweep is running." if evidence.running else ""
    columns = tuple(
        dict.fromkeys(name for trial in evidence.ranked[:_ROWS] for name in trial.parameters)
    )
    return Headline(
        name=summary.name,
        question=summary.definition.question,
        counts=progress_line(summary).partition(": ")[2] + "." + running,
        answer=_answer(evidence, best),
        ties=_ties(evidence),
        parameters={name: short(value) for name, value in best.parameters.items()} if best else {},
        facts=dict(_facts(evidence, best)) if best else {},
        columns=("trial", summary.metric, "steps", "stage", "state", *columns),
        table=[_table_row(trial, columns) for trial in evidence.ranked[:_ROWS]],
    )


def short(value: object) -> str:
    """Format a value for people: four significant digits, thousands separated."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def value_with_spread(trial: TrialSummary) -> str:
    """Return the metric, with its standard deviation over the seeds if there are several."""
    mean = "" if trial.metric is None else short(float(trial.metric))
    if len(trial.per_seed) < 2:
        return mean
    return f"{mean} ± {short(mean_and_spread(trial.per_seed)[1])}"


def _answer(evidence: Evidence, best: TrialSummary | None) -> str:
    if best is None:
        return "No trial has a value yet."
    unseen = evidence.held_out.configurations[0] if evidence.held_out else None
    if unseen and unseen.trial == best.number:
        value = f"{short(unseen.iqm.value)} on held-out seeds"
    else:
        value = value_with_spread(best)
        if best.state != "complete":
            value += f" when it was stopped after {best.env_steps:,} steps"
    return f"Trial {best.number}: {evidence.summary.metric} {value}"


def _ties(evidence: Evidence) -> str:
    """Name the other trials that ended with exactly the winner's value."""
    complete = [] if evidence.held_out else evidence.complete
    equal = [str(trial.number) for trial in complete[1:] if trial.metric == complete[0].metric]
    if not equal:
        return ""
    noun = "trial" if len(equal) == 1 else "trials"
    more = f" and {len(equal) - _ROWS} more" if len(equal) > _ROWS else ""
    return f"Tied with {noun} {', '.join(equal[:_ROWS])}{more}."


def _facts(evidence: Evidence, best: TrialSummary) -> Iterator[tuple[str, str]]:
    if evidence.held_out:
        yield "in the search", value_with_spread(best)
    elif len(best.per_seed) > 1:
        yield "per seed", ", ".join(short(float(value)) for value in best.per_seed)
    yield "steps per seed", f"{best.env_steps:,}"
    ends = best.stages_ended_at
    if len(ends) > 1:
        lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
        yield "stages", " + ".join(f"{length:,}" for length in lengths)
    total = sum(trial.total_env_steps for trial in evidence.trials)
    yield "steps of the whole sweep", f"{total:,}"


def _table_row(trial: TrialSummary, columns: tuple[str, ...]) -> tuple[str, ...]:
    stage = f"{trial.stage or 1} of {trial.stages}" if trial.stages else ""
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
