"""The trials of a run in a line, and the best ones in a table: what a sweep prints when it ends."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segue.base.text import plural, printable, value_text
from segue.record.local_run import is_running
from segue.record.study.attributes import COPY_OF, REASON, per_seed
from segue.record.study.ranking import is_allowed, metric_of
from segue.record.study.trials import (
    COMPLETE,
    FAILED,
    INTERRUPTED,
    PAUSED,
    PRUNED,
    RUNNING,
    WAITING,
    trial_state,
)
from segue.report.data.commands import commands
from segue.report.data.limits import reached_limit
from segue.report.data.summary import Summary, mean_and_spread

_SHOWN_TRIALS = 5
_SHOWN_FAILURES = 5
_LARGE = 1000
_WORDS = {
    COMPLETE: "complete",
    PRUNED: "stopped early",
    FAILED: "failed",
    RUNNING: "running",
    PAUSED: "paused",
    INTERRUPTED: "interrupted",
    WAITING: "waiting",
}


def show(summary: Summary, console: Console) -> None:
    """Print the summary; commands stand on one line each, so that they can be copied."""
    console.print(printable(progress_line(summary)), highlight=False, markup=False, soft_wrap=True)
    if summary.best:
        console.print(_table(summary))
    for line in _failures(summary):
        console.print(printable(line), style="red", highlight=False, markup=False, soft_wrap=True)
    console.print("Further commands:")
    for line in commands(summary):
        console.print(f"  {printable(line)}", highlight=False, markup=False, soft_wrap=True)


def progress_line(summary: Summary) -> str:
    """Return the sweep's name and the number of trials in each state."""
    copies = sum(COPY_OF in trial.user_attrs for trial in summary.trials)
    copied = f" ({plural(copies, 'trial')} copied from others of the same parameters)"
    paused = f". It is paused ({summary.paused_by})" if summary.paused_by else ""
    limit = reached_limit(summary)
    counted = _counted(summary, is_over=limit is not None)
    ended = f". {limit.rstrip('.')}" if limit else ""
    return f"{summary.name}: {counted}{copied if copies else ''}{paused}{ended}"


def _counted(summary: Summary, is_over: bool) -> str:
    """Return how many trials there are in each state.

    Trials that a search has yet to propose are waiting, too, unless the sweep `is_over`: then none
    of them starts.
    """
    is_driven = is_running(summary.run)
    counts = Counter(trial_state(trial, is_driven=is_driven) for trial in summary.trials)
    if summary.requested is not None:
        counts[WAITING] = max(summary.requested - summary.started, 0)
    total = plural(counts.total(), "trial")
    if is_over:
        del counts[WAITING]
        total = f"{counts.total()} of at most {total}"
    found = [f"{counts[state]} {word}" for state, word in _WORDS.items() if counts[state]]
    return f"{total}: {', '.join(found)}"


def _table(summary: Summary) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column(Text(printable(summary.metric)), justify="right", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column("parameters", overflow="fold")
    trained = [trial for trial in summary.best if COPY_OF not in trial.user_attrs]
    for trial in trained[:_SHOWN_TRIALS]:
        table.add_row(
            str(trial.number),
            _value(trial, summary.metric),
            _steps(trial),
            Text(_parameters(trial.params)),
        )
    return table


def _value(trial: FrozenTrial, metric: str) -> str:
    seeds = trial.user_attrs.get(per_seed(metric)) or [metric_of(trial)]
    mean, spread = mean_and_spread(seeds)
    return f"{_number(mean)} ± {_number(spread)}" if len(seeds) > 1 else _number(mean)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.4g}"


def _steps(trial: FrozenTrial) -> str:
    stopped = trial.state == TrialState.PRUNED
    forbidden = not is_allowed(trial)
    return f"{trial.last_step or 0:,}{' stopped' * stopped}{' forbidden' * forbidden}"


def _parameters(parameters: Mapping[str, Any]) -> str:
    return "\n".join(f"{printable(name)} {value_text(value)}" for name, value in parameters.items())


def _failures(summary: Summary) -> list[str]:
    failed = [trial for trial in summary.trials if trial.state == TrialState.FAIL]
    lines = [
        f"trial {trial.number} failed: {trial.user_attrs.get(REASON, 'for an unknown reason')} "
        f"(log: {summary.layout.trial(trial.number).log})"
        for trial in failed[:_SHOWN_FAILURES]
    ]
    return lines + [f"and {len(failed) - _SHOWN_FAILURES} more failed"] * (
        len(failed) > _SHOWN_FAILURES
    )
