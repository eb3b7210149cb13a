"""The first screen of a report: the question, the winner, and how certain it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segue.base.text import assignments, plural
from segue.record.study.trials import TrialSummary
from segue.report.data.definitions import as_ranges
from segue.report.data.evidence import Evidence
from segue.report.data.summary import mean_and_spread
from segue.report.overview import progress_line

_ALTERNATIVES = 4  # values of a parameter that are listed


@dataclass(frozen=True)
class Headline:
    """Texts of the first screen; all are plain text, escaped by the template."""

    name: str
    question: str
    counts: str
    answer: str
    ties: str
    parameters: Mapping[str, str]
    facts: Mapping[str, str]


def build_headline(evidence: Evidence) -> Headline:
    """Return the content of the first screen of a report."""
    summary = evidence.summary
    best = evidence.winner
    running = " The sweep is running." if evidence.running else ""
    return Headline(
        name=summary.name,
        question=summary.definition.question,
        counts=progress_line(summary).partition(": ")[2] + "." + running,
        answer=_answer(evidence, best),
        ties=_ties(evidence),
        parameters=_parameters(evidence.tied or [best]) if best else {},
        facts=dict(_facts(evidence, best)) if best else {},
    )


def short(value: object) -> str:
    """Format a value for people: four significant digits, thousands separated."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def value_with_spread(trial: TrialSummary) -> str:
    """Return the metric, with its standard deviation over the seeds if there are several."""
    if trial.metric is None:
        return ""
    mean = short(float(trial.metric))
    if len(trial.per_seed) < 2:
        return mean
    return f"{mean} ± {short(mean_and_spread(trial.per_seed)[1])}"


def _answer(evidence: Evidence, best: TrialSummary | None) -> str:
    if best is None:
        return "No trial has a value yet."
    metric = evidence.summary.metric
    unseen = evidence.held_out.configurations[0] if evidence.held_out else None
    if unseen and unseen.trial == best.number:
        value = f"{short(unseen.iqm.value)} on held-out seeds"
    elif evidence.tied:
        value = short(best.metric)
    else:
        value = value_with_spread(best)
    if evidence.tied:
        return f"{len(evidence.tied)} trials tie at {metric} {value}"
    if best.state != "complete":
        value += f" when it was stopped after {best.env_steps:,} steps"
    return f"Trial {best.number}: {metric} {value}"


def _ties(evidence: Evidence) -> str:
    """Name the trials that share the best value, and those of the search that were retrained."""
    text = ""
    if evidence.tied:
        text = f"Trials {as_ranges(trial.number for trial in evidence.tied)}."
    if evidence.held_out and (before := evidence.tied_in_search):
        retrained = {each.trial for each in evidence.held_out.configurations}
        again = [trial.number for trial in before if trial.number in retrained]
        value = short(before[0].metric)
        text += f" In the search, {len(before)} trials tied at {value}"
        text += f"; {len(again)} of them were retrained." if len(again) < len(before) else "."
    return text.strip()


def _parameters(tied: Sequence[TrialSummary]) -> dict[str, str]:
    """Return each parameter with its values in the trials that share the best value."""
    names = dict.fromkeys(name for trial in tied for name in trial.parameters)
    return {
        name: _alternatives([trial.parameters[name] for trial in tied if name in trial.parameters])
        for name in names
    }


def _alternatives(values: Sequence[Any]) -> str:
    if all(isinstance(value, int | float) for value in values):
        values = sorted(values)
    texts = list(dict.fromkeys(map(short, values)))
    if len(texts) > _ALTERNATIVES:
        return f"{texts[0]} ... {texts[-1]}"
    return " or ".join(texts)


def _facts(evidence: Evidence, best: TrialSummary) -> Iterator[tuple[str, str]]:
    if evidence.held_out:
        yield "in the search", value_with_spread(best)
    elif len(best.per_seed) > 1 and not evidence.tied:
        yield "per seed", ", ".join(short(float(value)) for value in best.per_seed)
    if not evidence.tied:
        yield "steps per seed", f"{best.env_steps:,}"
        ends = best.stages_ended_at
        if len(ends) > 1:
            lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
            yield "stages", " + ".join(f"{length:,}" for length in lengths)
    if pinned := evidence.summary.definition.pinned:
        yield "pinned by the command line", assignments(pinned)
    if search := evidence.summary.definition.chosen_search:
        yield "search", search
    total = sum(trial.trained_env_steps for trial in evidence.trials)
    yield "steps of the whole sweep", f"{total:,}"
    yield from _shared(evidence)


def _shared(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Say what trials did not train because others with the same first stages had done so."""
    forks = [trial for trial in evidence.trials if trial.forked_from is not None]
    if forks:
        adopted = sum(trial.adopted_env_steps for trial in forks)
        yield (
            "steps not trained twice",
            f"{adopted:,}, in {plural(len(forks), 'trial')} whose first stages another trial has"
            " trained; trials that share them share their luck",
        )
