"""A run for people on a terminal, and for scripts."""

import csv
import io
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segue.report.data.facts import TrialFacts
from segue.report.data.rows import tolerant_rows
from segue.report.data.summary import Summary, mean_and_spread

_COLOURS = {
    "complete": "green",
    "pruned": "yellow",
    "fail": "red",
    "running": "cyan",
    "interrupted": "magenta",
}
_LABEL, _WIDE = 12, 100  # characters


def as_json(summary: Summary, trials: Sequence[TrialFacts]) -> str:
    """The trials with all that is known of them."""
    about = {
        "run": str(summary.run),
        "name": summary.name,
        "metric": summary.metric,
        "mode": summary.mode,
    }
    return json.dumps(about | {"trials": [asdict(trial) for trial in trials]}, indent=2)


def as_csv(trials: Sequence[TrialFacts]) -> str:
    """One line a trial."""
    rows = [trial.flat() for trial in trials]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def show_trials(summary: Summary, trials: Sequence[TrialFacts], top: int, console: Console) -> None:
    """A table of the first `top`, and why those ended that did not run to their end."""
    table = Table(box=SIMPLE, pad_edge=False)
    for column in ("trial", "state", summary.metric, "steps", "stage"):
        table.add_column(column, justify="left" if column == "state" else "right", no_wrap=True)
    is_wide = console.width >= _WIDE
    if is_wide:
        table.add_column("parameters", overflow="fold")
    for trial in trials[:top]:
        state = Text(trial.state, style=_COLOURS.get(trial.state, ""))
        parameters = [Text(_parameters(trial))] * is_wide
        table.add_row(
            str(trial.number),
            state,
            _metric(trial),
            f"{trial.env_steps:,}",
            _stage(trial),
            *parameters,
        )
    console.print(table)
    for trial in () if is_wide else trials[:top]:
        first = f"{trial.number:>5}   "
        lines = textwrap.wrap(
            _parameters(trial), console.width - 1, initial_indent=first, subsequent_indent=" " * 8
        )
        _print(console, "\n".join(lines or [first]))
    if len(trials) > top:
        console.print(
            f"and {len(trials) - top} more: --top {len(trials)} shows all", highlight=False
        )
    for trial in trials[:top]:
        if trial.why:
            _print(console, f"trial {trial.number} ({trial.state}): {trial.why}")


def show_trial(summary: Summary, trial: TrialFacts, console: Console) -> None:
    """One trial in full: what came of it, its reports, and its pipeline stage by stage."""
    for label, text in _lines(summary, trial):
        _print(console, f"{label:<{_LABEL}} {text}")
    rows, broken = tolerant_rows(summary.run / trial.directory / "results.jsonl")
    if rows:
        console.print(_reports(summary, rows))
    if broken:
        _print(console, f"{broken} lines of its results cannot be read, and are left out.")
    described = summary.run / trial.directory / "trial.json"
    if described.is_file():
        _print(console, str(json.loads(described.read_text())["text"]))


def _lines(summary: Summary, trial: TrialFacts) -> Iterator[tuple[str, str]]:
    yield "trial", f"{trial.number}, {trial.state}"
    yield (
        summary.metric,
        f"{_metric(trial)}"
        + f" ({', '.join(map(_value, trial.per_seed))})" * (len(trial.per_seed) > 1),
    )
    if trial.values and len(trial.values) > 1:
        yield "objectives", ", ".join(map(_value, trial.values))
    for name, value in trial.constraints.items():
        yield "constraint", f"{name}: {_value(value)} ({'broken' if value > 0 else 'kept'})"
    if trial.why:
        yield "why", trial.why
    yield "steps", f"{trial.env_steps:,} of each seed, {trial.total_env_steps:,} in all"
    if trial.stages_ended_at:
        yield "stages end", ", ".join(f"{step:,}" for step in trial.stages_ended_at)
    if trial.seconds is not None:
        yield "took", f"{trial.seconds:,.0f} s, from {trial.started}"
    for name, value in trial.parameters.items():
        yield "parameter", f"{name} = {_value(value)}"
    for moved in trial.lineage:
        changed = ", ".join(
            f"{name} = {_value(value)}" for name, value in moved["parameters"].items()
        )
        yield "went on", f"at {moved['at']:,} steps from trial {moved['from']}, with {changed}"
    yield "files", str(summary.run / trial.directory)


def _reports(summary: Summary, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for column in ("steps", "stage", "in stage", summary.metric, "by seed"):
        table.add_column(column, justify="right")
    for row in rows:
        seeds = ", ".join(_value(value) for value in row.get("metric_per_seed") or [])
        stage = f"{row.get('stage', 0) + 1}{' ends' * bool(row.get('stage_done'))}"
        steps, inside = f"{row.get('env_steps', 0):,}", f"{row.get('stage_steps', 0):,}"
        table.add_row(steps, stage, inside, _value(row.get(summary.metric)), Text(seeds))
    return table


def _parameters(trial: TrialFacts) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in trial.parameters.items())


def _metric(trial: TrialFacts) -> str:
    if trial.metric is None:
        return ""
    if len(trial.per_seed) < 2:
        return _value(trial.metric)
    return f"{_value(trial.metric)} ± {_value(mean_and_spread(trial.per_seed)[1])}"


def _stage(trial: TrialFacts) -> str:
    if trial.stage is None:
        return ""
    return f"{trial.stage + 1}" + f" of {trial.stages}" * (trial.stages is not None)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
