"""The tables of a comparison as text, for the terminal and for the page."""

from collections.abc import Callable, Sequence

from segue.base.text import listed, plural
from segue.record.study.trials import COMPLETE
from segue.report.compare.comparison import RunComparison
from segue.report.compare.runs import ComparedRun
from segue.report.data.heldout import in_words
from segue.report.data.statistics import ENOUGH_SEEDS
from segue.report.data.summary import mean_and_spread
from segue.report.page.headline import short
from segue.report.page.text_table import TextTable


def runs_table(comparison: RunComparison) -> TextTable:
    """Return a table with one row per run: its winner, its values, and what it spent."""
    columns = _columns(comparison)
    return TextTable(
        "runs",
        "Runs",
        "",
        ("run", *(name for name, _ in columns)),
        [(run.label, *(text_of(run) for _, text_of in columns)) for run in comparison.runs],
    )


def improvement_table(comparison: RunComparison) -> TextTable:
    """Return the probabilities that the row's winner is better than the column's."""
    names = [run.label for run in comparison.runs]
    found = comparison.improvement
    rows = [
        (
            name,
            *(
                in_words(found[one, other]) if (one, other) in found else ""
                for other in range(len(names))
            ),
        )
        for one, name in enumerate(names)
    ]
    seeds = "held-out seeds" if comparison.is_held_out else "the seeds of the search"
    text = (
        "The probability that a run of the row's winner is better than a run of the column's, with"
        f" its 95 % interval, from {seeds}."
    )
    return TextTable("improvement", "Probability of improvement", text, ("run", *names), rows)


def parameters_table(comparison: RunComparison) -> TextTable:
    """Return the winners' parameters that differ."""
    equal = ", ".join(f"{name} {text}" for name, text in comparison.equal_parameters.items())
    same = f" The same in all: {equal}." if equal else ""
    text = (
        f"Parameters that differ between the winners; a run without one has no such name.{same}"
        if comparison.parameters
        else f"The winners have the same parameters.{same}"
    )
    rows = [(name, *texts) for name, texts in comparison.parameters.items()]
    return TextTable("parameters", "The winners", text, _names(comparison, "parameter"), rows)


def definitions_table(comparison: RunComparison) -> TextTable:
    """Return the entries of the definitions that differ, and the versions of the code."""
    rows = [(name, *texts) for name, texts in comparison.definitions.items()]
    text = (
        "Entries of the sweeps' definitions that differ, and the versions with which the runs were"
        " started last."
        if rows
        else "The definitions are equal, and so are the versions of the code."
    )
    return TextTable("definitions", "What differs", text, _names(comparison, "entry"), rows)


def answer(comparison: RunComparison) -> str:
    """Return which run found the best configuration, in a sentence without its full stop."""
    found = {run.label: run for index, run in enumerate(comparison.runs) if comparison.seeds[index]}
    if not found:
        return "No run has a complete trial yet"
    values = {label: _value(comparison, run) for label, run in found.items()}
    best = (max if comparison.mode == "max" else min)(values.values())
    winners = [run for label, run in found.items() if values[label] == best]
    where = " on held-out seeds" if comparison.is_held_out else ""
    if len(winners) > 1:
        names = listed([run.label for run in winners])
        return f"{names} tie at {comparison.metric} {short(best)}{where}"
    number = winners[0].winner.number if winners[0].winner else ""
    return f"{winners[0].label}: trial {number} reached {comparison.metric} {short(best)}{where}"


def basis(comparison: RunComparison) -> str:
    """Return the seeds on which the winners are compared, in a sentence."""
    fewest = min((len(seeds) for seeds in comparison.seeds if seeds), default=0)
    few = (
        f" At least {ENOUGH_SEEDS} seeds of each are needed to distinguish two runs."
        if fewest < ENOUGH_SEEDS
        else ""
    )
    if comparison.is_held_out:
        return f"{plural(fewest, 'seed')} that no search saw.{few}"
    lacking = listed([run.label for run in comparison.runs if not run.held_out_seeds])
    return (
        "the seeds of the search, by which the winners were chosen: such values are optimistic."
        f" Not retrained on held-out seeds: {lacking} (`segue retrain RUN`).{few}"
    )


def _columns(comparison: RunComparison) -> list[tuple[str, Callable[[ComparedRun], str]]]:
    """Return the columns of the table of runs: a title, and the text of a run."""
    found: list[tuple[str, Callable[[ComparedRun], str]]] = [
        ("winner", lambda run: str(run.winner.number) if run.winner else ""),
        (f"{comparison.metric} in the search", _in_search),
    ]
    if any(run.held_out_seeds for run in comparison.runs):
        found.append(("held-out IQM", _held_out))
    found.append(("steps spent", lambda run: f"{run.steps:,}"))
    goal = comparison.reached_by_all
    if goal is not None:
        found.append((f"steps to {short(goal)}", lambda run: f"{run.steps_to(goal):,}"))
    found.append(("trials complete", _complete))
    return found


def _in_search(run: ComparedRun) -> str:
    seeds = run.search_seeds
    if run.winner is None or run.winner.metric is None:
        return ""
    spread = f" ± {short(mean_and_spread(seeds)[1])}" if len(seeds) > 1 else ""
    return f"{short(float(run.winner.metric))}{spread}"


def _held_out(run: ComparedRun) -> str:
    return in_words(run.held_out_value) if run.held_out_value else ""


def _complete(run: ComparedRun) -> str:
    complete = sum(trial.state == COMPLETE for trial in run.trials)
    return f"{complete} of {len(run.trials)}"


def _value(comparison: RunComparison, run: ComparedRun) -> float:
    if comparison.is_held_out and run.held_out_value:
        return run.held_out_value.value
    return float(run.winner.metric or 0.0) if run.winner else 0.0


def _names(comparison: RunComparison, first: str) -> tuple[str, ...]:
    return (first, *(run.label for run in comparison.runs))


def all_tables(comparison: RunComparison) -> Sequence[TextTable]:
    """Return the tables of a comparison, in the order in which they are read."""
    return (
        runs_table(comparison),
        improvement_table(comparison),
        parameters_table(comparison),
        definitions_table(comparison),
    )
