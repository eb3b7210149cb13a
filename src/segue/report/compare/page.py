"""Writes the page of a comparison: one self-contained HTML file."""

from collections.abc import Iterator
from pathlib import Path

from segue.base.files import write_atomic
from segue.base.text import listed
from segue.report.compare.comparison import RunComparison
from segue.report.compare.figures import best_so_far_figure, final_values_figure
from segue.report.compare.tables import (
    answer,
    basis,
    definitions_table,
    improvement_table,
    parameters_table,
    runs_table,
)
from segue.report.page.findings.comparability import Finding
from segue.report.page.render import render
from segue.report.page.sections.section import Section

_ROW = 56  # pixels of a run in the figure of final values


def write_page(comparison: RunComparison, path: Path) -> None:
    """Write the page to `path` atomically. Raise OSError if it cannot be written."""
    write_atomic(path, comparison_page(comparison))


def comparison_page(comparison: RunComparison) -> str:
    """Return the comparison as HTML, in which every text of the runs is escaped."""
    better = "higher" if comparison.mode == "max" else "lower"
    names = list(dict.fromkeys(run.summary.name for run in comparison.runs))
    return render(
        "compare.html",
        _sections(comparison),
        title=listed([run.label for run in comparison.runs]),
        objective=f"Sweeps of {listed(names)}, by {comparison.metric}: {better} is better.",
        answer=answer(comparison),
        basis=f"Compared on {basis(comparison)}",
        answers=[runs_table(comparison)],
        findings=list(findings(comparison)),
        tables=[
            table(comparison) for table in (improvement_table, parameters_table, definitions_table)
        ],
    )


def findings(comparison: RunComparison) -> Iterator[Finding]:
    """Yield why the values of the runs may not be comparable."""
    if different := comparison.differs_in_evaluation:
        yield Finding(
            "Values may mean different things",
            f"The runs differ in {listed(different)}, on which a value of {comparison.metric}"
            " depends: see the last table.",
        )
    if unfinished := [run.label for run in comparison.runs if not run.is_finished]:
        yield Finding(
            "Not all runs have ended",
            f"Trials are left to train in {listed(unfinished)}, which may still improve.",
        )
    for run in comparison.runs:
        for problem in (run.summary.problem, run.problem):
            if problem:
                yield Finding(f"{run.label} is damaged", problem)


def _sections(comparison: RunComparison) -> Iterator[Section]:
    if any(run.best_so_far for run in comparison.runs):
        text = (
            f"The {comparison.metric} of the best trial that had run to its end, over the"
            " environment steps that all trials had taken by then, stopped and failed ones too."
            " Bands reach from that trial's worst seed to its best."
        )
        figure = best_so_far_figure(comparison)
        yield Section("best-so-far", "Best so far over steps", text, figure, height=460)
    if any(comparison.seeds):
        which = "held-out seed" if comparison.is_held_out else "seed of the search"
        text = (
            f"Dots are the winner's values, one per {which}; a diamond is their interquartile mean"
            " with its 95 % bootstrap interval over the seeds."
        )
        height = 140 + _ROW * len(comparison.runs)
        figure = final_values_figure(comparison)
        yield Section("final", "Final values", text, figure, height)
