"""A run as tables for a terminal, and as JSON and CSV for scripts."""

import csv
import io
import textwrap
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from segue.base.strict_json import to_json
from segue.base.text import assignments, printable, value_text
from segue.record.files.description import TrialDescription
from segue.record.files.results import read_results
from segue.record.layout import RESULTS, TrialLayout
from segue.record.row import ENV_STEPS, METRIC_PER_SEED, STAGE, STAGE_DONE, STAGE_STEPS, Row
from segue.record.study.trials import PAUSED, TrialSummary
from segue.record.validation import read_object, skipped
from segue.report.data.definitions import as_ranges, changes
from segue.report.data.summary import Summary, mean_and_spread

_COLOURS = {
    "complete": "green",
    "pruned": "yellow",
    "failed": "red",
    "running": "cyan",
    "paused": "blue",
    "interrupted": "magenta",
}
_LABEL = 12  # characters
_WIDTH = 72
_WIDE = 100  # characters from which parameters fit into the table


def as_json(summary: Summary, trials: Sequence[TrialSummary]) -> str:
    """Return the run and all facts of its trials as a JSON object."""
    about = {
        "run": str(summary.run),
        "name": summary.name,
        "metric": summary.metric,
        "mode": summary.mode,
    }
    return to_json(
        about | {"trials": [trial.to_dict(summary.metric) for trial in trials]}, indent=2
    )


def as_csv(summary: Summary, trials: Sequence[TrialSummary]) -> str:
    """Return the trials as CSV, one line per trial."""
    rows = [trial.to_columns(summary.metric) for trial in trials]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writerow({name: printable(name) for name in columns})
    writer.writerows({name: _field(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def show_trials(
    summary: Summary, trials: Sequence[TrialSummary], top: int, console: Console
) -> None:
    """Print a table of the first `top` trials, and why those that stopped early ended.

    Parameters are a column on a wide terminal, and lines below the table on a narrow one.
    """
    table = Table(box=SIMPLE, pad_edge=False)
    changed = ("definition",) if changes(summary.definition) else ()
    for column in ("trial", "state", summary.metric, "steps", "stage", *changed):
        justify: JustifyMethod = "left" if column == "state" else "right"
        table.add_column(Text(printable(column)), justify=justify, no_wrap=True)
    is_wide = console.width >= _WIDE
    if is_wide:
        table.add_column("parameters", overflow="fold")
    for trial in trials[:top]:
        state = Text(trial.state, style=_COLOURS.get(trial.state, ""))
        parameters = [Text(_parameters(trial))] if is_wide else []
        table.add_row(
            str(trial.number),
            state,
            _metric(trial),
            f"{trial.env_steps:,}",
            _stage(trial),
            *([as_ranges(trial.definitions)] if changed else []),
            *parameters,
        )
    console.print(table)
    if not is_wide:
        _print_parameters(trials[:top], console)
    if summary.definition.pinned:
        _print(console, f"pinned by the command line: {assignments(summary.definition.pinned)}")
    if len(trials) > top:
        _print(console, f"{len(trials) - top} more; --top {len(trials)} shows all")
    for number, change in enumerate(changes(summary.definition), start=2):
        _print(console, f"definition {number}, since {change.time}: {'; '.join(change.entries)}")
    for trial in trials[:top]:
        if trial.reason and trial.state != PAUSED:
            _print(console, f"trial {trial.number} ({trial.state}): {printable(trial.reason)}")


def _print_parameters(trials: Sequence[TrialSummary], console: Console) -> None:
    for trial in trials:
        first = f"{trial.number:>5}   "
        lines = textwrap.wrap(
            _parameters(trial), console.width - 1, initial_indent=first, subsequent_indent=" " * 8
        )
        _print(console, "\n".join(lines or [first]))


def show_trial(summary: Summary, trial: TrialSummary, console: Console) -> None:
    """Print one trial in full: its result, its reports, and its pipeline stage by stage."""
    for label, text in _lines(summary, trial):
        _print(console, f"{label:<{_LABEL}} {text}")
    layout = summary.layout.trial(trial.number)
    rows, damaged = read_results(layout.results, summary.metric)
    if rows:
        console.print(_reports(summary, rows))
    for line in (skipped(damaged, RESULTS), _pipeline(layout)):
        if line:
            _print(console, line)


def problems(summary: Summary, trials: Sequence[TrialSummary]) -> list[str]:
    """Return sentences on damaged records of the run that were read for these, and skipped."""
    damaged = sum(trial.damaged for trial in trials)
    return [line for line in (summary.problem, skipped(damaged, RESULTS)) if line]


def _pipeline(layout: TrialLayout) -> str:
    try:
        described = read_object(layout.trial, TrialDescription)
    except ValueError as error:
        return f"The pipeline is not shown: {error}"
    if described is None:
        return ""
    indent = " " * (_LABEL + 1)
    setup = [
        line
        for part, value in described.setup.items()
        for line in textwrap.wrap(
            printable(value),
            _WIDTH,
            initial_indent=f"{part:<{_LABEL}} ",
            subsequent_indent=indent,
        )
    ]
    return "\n".join([*setup, described.text])


def _lines(summary: Summary, trial: TrialSummary) -> Iterator[tuple[str, str]]:
    yield "trial", f"{trial.number}, {trial.state}"
    seeds = f" ({', '.join(map(value_text, trial.per_seed))})" if len(trial.per_seed) > 1 else ""
    yield summary.metric, _metric(trial) + seeds + _over_reports(summary, trial)
    if trial.values and len(trial.values) > 1:
        yield "objectives", ", ".join(map(value_text, trial.values.values()))
    for name, value in trial.constraints.items():
        yield (
            "constraint",
            f"{name}: {value_text(value)} ({'violated' if value > 0 else 'satisfied'})",
        )
    if trial.reason:
        yield "reason", printable(trial.reason)
    yield "steps", f"{trial.env_steps:,} per seed, {trial.total_env_steps:,} in total"
    if trial.forked_from is not None:
        by = f"by trial {trial.forked_from}, whose first stages are the same"
        yield "shared", f"{trial.adopted_env_steps:,} steps in total were trained {by}"
    if trial.stages_ended_at:
        yield "stages end", "after " + ", ".join(f"{step:,}" for step in trial.stages_ended_at)
    if made := changes(summary.definition):
        of = f"{as_ranges(trial.definitions)} of {len(made) + 1}" if trial.definitions else ""
        yield "definition", of
    if trial.seconds is not None:
        yield "duration", f"{trial.seconds:,.0f} s, started {trial.started}"
    for name, value in summary.definition.pinned.items():
        yield "pinned", f"{name} = {value_text(value)}"
    for name, value in trial.parameters.items():
        yield "parameter", f"{name} = {value_text(value)}"
    for moved in trial.lineage:
        changed = ", ".join(
            f"{name} = {value_text(value)}" for name, value in moved["parameters"].items()
        )
        yield (
            "exploited",
            f"trial {moved['from']} at {moved['at']:,} steps, continued with {changed}",
        )
    yield "directory", str(summary.run / trial.directory)


def _reports(summary: Summary, rows: Sequence[Row]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for column in ("steps", "stage", "in stage", summary.metric, "per seed"):
        table.add_column(Text(printable(column)), justify="right")
    for row in rows:
        seeds = ", ".join(value_text(value) for value in row.get(METRIC_PER_SEED) or [])
        end = " (end)" if row.get(STAGE_DONE) else ""
        table.add_row(
            f"{row.get(ENV_STEPS, 0):,}",
            f"{row.get(STAGE, 0) + 1}{end}",
            f"{row.get(STAGE_STEPS, 0):,}",
            value_text(row.get(summary.metric)),
            Text(seeds),
        )
    return table


def _parameters(trial: TrialSummary) -> str:
    named = (f"{name} {value_text(value)}" for name, value in trial.parameters.items())
    return printable(", ".join(named))


def _metric(trial: TrialSummary) -> str:
    if trial.metric is None:
        return ""
    if len(trial.per_seed) < 2:
        return value_text(trial.metric)
    return f"{value_text(trial.metric)} ± {value_text(mean_and_spread(trial.per_seed)[1])}"


def _over_reports(summary: Summary, trial: TrialSummary) -> str:
    """Say that a trial's end is a mean over reports, if it ended under the newest definition."""
    over = summary.definition.mean_of_last
    newest = 1 + len(changes(summary.definition))
    if trial.state != "complete" or max(trial.definitions, default=0) < newest or over == 1:
        return ""
    return f", the mean over its last reports (mean_of_last={over})"


def _stage(trial: TrialSummary) -> str:
    if trial.stage is None:
        return ""
    of = "" if trial.stages is None else f" of {trial.stages}"
    return f"{trial.stage}{of}"


def _field(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


def _print(console: Console, text: str) -> None:
    text = printable(text, lines=True)
    console.print(text, highlight=False, markup=False, soft_wrap=True)
