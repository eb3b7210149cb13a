"""Read the results of a sweep from its run directory, and print the best trials."""

import math
import shlex
import shutil
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.engine import URL

from segue.base.text import plural, printable
from segue.record.attributes import ADOPTED_FROM, COPY_OF, REASON, per_seed
from segue.record.definition import RunDefinition, read_definition
from segue.record.layout import STUDY, RunLayout
from segue.record.study import StudyContent, read_study
from segue.record.study_file import study_for_reading
from segue.record.trials import is_allowed, metric_of, ranked
from segue.record.validation import skipped
from segue.store.database import database_storage, url_with_password

_SHOWN_TRIALS = 5
_SHOWN_FAILURES = 5
_LARGE = 1000
_WORDS = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "stopped early",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "interrupted",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class Summary:
    """The trials of a run directory, and the objectives by which they are compared."""

    run: Path
    definition: RunDefinition
    trials: tuple[FrozenTrial, ...]
    further_objectives: tuple[str, ...] = ()
    """Names of the objectives in addition to the metric."""
    damaged: tuple[str, ...] = ()
    """What of the study is damaged and was skipped, in a few words each."""

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of the metric and of further objectives."""
        return (self.metric, *self.further_objectives)

    @property
    def name(self) -> str:
        """Name of the sweep."""
        return self.definition.name

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.definition.metric

    @property
    def mode(self) -> str:
        """`max` or `min`."""
        return self.definition.mode

    @property
    def layout(self) -> RunLayout:
        """The run's paths."""
        return RunLayout(self.run)

    @property
    def storage(self) -> str:
        """The study's storage, as Optuna's tools expect it, without a password."""
        study = self.definition.study
        return study["storage"] if study else sqlite_url(self.layout.study)

    @property
    def problem(self) -> str | None:
        """A sentence on what of the study was skipped; None where it is sound."""
        return skipped(len(self.damaged), STUDY, next(iter(self.damaged), ""))

    @property
    def by_stage(self) -> bool:
        """Whether the scheduler compares trials within stages rather than over whole trials."""
        scheduler = self.definition.sweep.get("scheduler")
        named = scheduler.get("class", "") if isinstance(scheduler, dict) else scheduler
        return named == "stage_asha" or str(named).endswith(".StageASHA")

    @property
    def counts(self) -> Counter[TrialState]:
        """Number of trials in each state."""
        return Counter(trial.state for trial in self.trials)

    @property
    def best(self) -> list[FrozenTrial]:
        """The complete trials, best first; then the stopped ones, longest and best first.

        Trials that violate a constraint come after those that do not.
        """
        return ranked(self.trials, self.mode)


def trained_trial(summary: Summary, number: int) -> int:
    """Return the number of the trial that was trained in place of a copy; else the same number."""
    copies = {trial.number: trial.user_attrs.get(COPY_OF) for trial in summary.trials}
    original = copies.get(number)
    return number if original is None else int(original)


def read_summary(run: Path) -> Summary:
    """Read a run directory.

    Raise ValueError if there is none, if its format differs, or if its study cannot be read.
    """
    definition = read_definition(RunLayout(run))
    content = _read_study(run, definition)
    own = tuple(trial for trial in content.trials if ADOPTED_FROM not in trial.user_attrs)
    return Summary(run, definition, own, content.metric_names[1:], content.problems)


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


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file for Optuna's tools, which read braces as a template.

    >>> sqlite_url(Path("runs/a b/study.db")), sqlite_url(Path("a?b{c}/study.db"))
    ('sqlite:///runs/a b/study.db', 'sqlite:///a%3Fb%7Bc%7D/study.db')
    """
    url = URL.create("sqlite", database=str(path)).render_as_string()
    return url.replace("{", "{{").replace("}", "}}")


def progress_line(summary: Summary) -> str:
    """Return the sweep's name and the number of trials in each state."""
    copies = sum(COPY_OF in trial.user_attrs for trial in summary.trials)
    copied = f" ({plural(copies, 'trial')} copied from others of the same parameters)"
    return f"{summary.name}: {_counted(summary.counts)}{copied if copies else ''}"


def commands(summary: Summary) -> list[str]:
    """Return the commands that show more, as they can be typed here."""
    best = summary.best[:1]
    shown = summary.layout.trial(best[0].number).path if best else summary.run
    return [
        command_for("tensorboard", "--logdir", str(summary.layout.trials)),
        command_for("optuna-dashboard", summary.storage),
        command_for(
            "optuna",
            "trials",
            "--storage",
            summary.storage,
            "--study-name",
            summary.definition.study_name,
        ),
        shlex.join(["ls", str(shown)]),
    ]


def mean_and_spread(values: Iterable[float]) -> tuple[float, float]:
    """Return the mean, and the standard deviation of the sample (0 for one value).

    >>> mean_and_spread([1.0, 3.0])
    (2.0, 1.4142135623730951)
    """
    listed = list(values)
    if len(listed) < 2:
        return statistics.fmean(listed), 0.0
    is_finite = all(map(math.isfinite, listed))
    return statistics.fmean(listed), statistics.stdev(listed) if is_finite else math.nan


def _read_study(run: Path, definition: RunDefinition) -> StudyContent:
    """Read the study in a database, or in the run's own file."""
    if definition.study:
        url = definition.study["storage"]
        storage = database_storage(url_with_password(url))
        return read_study(storage, definition.study_name, url)
    path = RunLayout(run).study
    return read_study(study_for_reading(path), definition.study_name, str(path))


def _counted(counts: Mapping[TrialState, int]) -> str:
    found = {word: counts[state] for state, word in _WORDS.items() if counts[state]}
    return f"{plural(sum(counts.values()), 'trial')}: " + ", ".join(
        f"{count} {word}" for word, count in found.items()
    )


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
    shown = {
        name: f"{value:.4g}" if isinstance(value, float) else str(value)
        for name, value in parameters.items()
    }
    return "\n".join(printable(f"{name} {value}") for name, value in shown.items())


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


def command_for(tool: str, *arguments: str) -> str:
    """Return the command line of a tool, as it can be typed here."""
    # With `make` or .venv/bin/python, the tools of the environment are not on the path.
    beside = Path(sys.executable).parent / tool
    if shutil.which(tool):
        return shlex.join([tool, *arguments])
    if beside.exists():
        return shlex.join([str(_near(beside)), *arguments])
    return f"{shlex.join([tool, *arguments])}   (after: pip install {tool})"


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
