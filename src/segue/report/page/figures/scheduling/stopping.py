"""The section "Was stopping worth it?": what early values foretold, and other schedulers."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from segue.base.text import plural
from segue.report.analysis.stopping import (
    FEWEST,
    Foretold,
    Outcome,
    Stopping,
    foretold_at,
    saved_in_words,
    shares_of_longest,
    stage_ends,
)
from segue.report.page.figures.curves import COLOURS
from segue.report.page.figures.scheduling.pruning import RungCount, ShownRung, label_of, values_at
from segue.report.page.text_table import TextTable


def foretold(stopping: Stopping, counts: dict[ShownRung, RungCount]) -> list[Foretold]:
    """Return how the ranks at each rung, and at each stage's end, agree with the final ones.

    Where no trial was stopped, at an eighth, a quarter and half of the longest trial.
    """
    evidence = stopping.evidence
    by_stage = evidence.summary.by_stage
    points = {label_of(rung, by_stage): values_at(evidence, rung) for rung in counts}
    points = points or shares_of_longest(evidence)
    found = [foretold_at(evidence, where, values) for where, values in points.items()]
    ends = stage_ends(evidence).items()
    return [*found, *(foretold_at(evidence, where, values) for where, values in ends)]


def foretold_figure(found: Sequence[Foretold]) -> go.Figure | None:
    """Return a figure of the rank correlations at each point; None if there are none."""
    shown = [each for each in found if each.correlation is not None]
    if not shown:
        return None
    figure = go.Figure()
    figure.add_bar(
        x=[each.where for each in shown],
        y=[each.correlation for each in shown],
        marker={"color": COLOURS[0]},
        width=[0.5] * len(shown),
        text=[f"{each.correlation:.2f}" for each in shown],
        customdata=[each.trials for each in shown],
        hovertemplate="%{x}: %{y:.2f}, %{customdata} trials<extra></extra>",
        cliponaxis=False,
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(title="rank correlation", range=[-1, 1])
    return figure


def stopping_text(stopping: Stopping, found: Sequence[Foretold]) -> str:
    """Return what the section says above its figure."""
    parts = [saved_in_words(stopping), *_about_correlations(found)]
    if stopping.problem:
        parts.append(f"What other schedulers would have decided is not shown: {stopping.problem}")
    return " ".join(parts)


def _about_correlations(found: Sequence[Foretold]) -> Iterator[str]:
    if all(each.correlation is None for each in found):
        yield (
            f"At least {FEWEST} trials that ran to their ends, with different values, are required"
            " to say whether early values order trials as final ones do."
        )
        return
    trials = max(each.trials for each in found)
    yield (
        "Bars are Spearman's rank correlation of the value at a point with the final value: at 1,"
        " early values order the trials as final ones do; near 0, early values say nothing of final"
        f" ones. They are of the {plural(trials, 'trial')} that ran to the end: if the worst were"
        " stopped before, they tend to be lower than over all trials."
    )
    if unknown := [each.where for each in found if each.correlation is None]:
        yield f"Too few or equal values at: {', '.join(unknown)}."


def replay_table(stopping: Stopping) -> TextTable | None:
    """Return a table of what each scheduler would have kept; None if nothing was replayed."""
    if not stopping.outcomes:
        return None
    metric = stopping.evidence.summary.metric
    columns = ("scheduler", "stops", "steps", "of all", "best kept", metric)
    rows = [tuple(_row(stopping, outcome)) for outcome in stopping.outcomes]
    return TextTable("replay", "Other schedulers", _replay_text(stopping), columns, rows)


def _row(stopping: Stopping, outcome: Outcome) -> Iterator[str]:
    ran = stopping.replays is not None and outcome.name == stopping.replays.ran
    yield f"{outcome.name} (ran)" if ran else outcome.name
    yield plural(len(outcome.stopped), "trial")
    least = outcome.least_steps
    most = least if ran else outcome.most_steps
    yield f"{least:,}" if least == most else f"{least:,} to {most:,}"
    full = stopping.full_steps or 1
    shares = [f"{100 * steps / full:.0f}" for steps in (least, most)]
    yield f"{' to '.join(dict.fromkeys(shares))} %"
    best = outcome.best
    winner = stopping.evidence.winner
    kept = best is not None and winner is not None and best.number == winner.number
    yield "none" if best is None else f"trial {best.number}{', the winner' if kept else ''}"
    yield "" if best is None or best.metric is None else f"{best.metric:.4g}"


def _replay_text(stopping: Stopping) -> str:
    assert stopping.replays is not None
    parts = [
        f"The run's {plural(stopping.replays.reports, 'report')}, in the order in which they came,"
        " as decided by other schedulers with their default settings; the code is the one that"
        " decides during a sweep."
    ]
    ran = stopping.replays.ran
    if stopping.is_as_the_run:
        parts.append(f"Replayed, {ran} makes the decisions that it made in the run.")
    elif stopping.is_as_the_run is False:
        parts.append(
            f"Replayed, {ran} decides otherwise than in the run: reports are missing, or the sweep"
            " was changed in between."
        )
    if stopping.pruned:
        parts.append(
            f"The {plural(len(stopping.pruned), 'trial')} that the run stopped have no later"
            " reports: where another scheduler continues one of them, the steps are those until"
            " then and those until its end."
        )
    return " ".join(parts)
