"""Read the results of a sweep from its run directory."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL

from segue.record.files.definition import RunDefinition, read_definition
from segue.record.layout import STUDY, RunLayout
from segue.record.study.attributes import ADOPTED_FROM, COPY_OF
from segue.record.study.content import StudyContent, read_report_order, read_study
from segue.record.study.ranking import ranked
from segue.record.study.sqlite_file import study_for_reading
from segue.record.study.steering import Steered, is_added, origin, pause_of, steered
from segue.record.validation import skipped
from segue.store.database import database_storage, url_with_password


@dataclass(frozen=True)
class Summary:
    """The trials of a run directory, and the objectives by which they are compared."""

    run: Path
    definition: RunDefinition
    trials: tuple[FrozenTrial, ...]
    further_objectives: tuple[str, ...] = ()
    """Names of the objectives in addition to the metric."""
    steering: tuple[Mapping[str, Any], ...] = ()
    """The requests of people that the study records for no trial."""
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
    def started(self) -> int:
        """Number of trials that have started, also of those that have ended."""
        return len(self.trials) - self.counts[TrialState.WAITING]

    @property
    def requested(self) -> int | None:
        """Number of trials with which the run was started last, if it is recorded, and of those
        that people have added.
        """
        trials = self.definition.runs[-1].get("trials") if self.definition.runs else None
        return trials + sum(map(is_added, self.trials)) if isinstance(trials, int) else None

    @property
    def steered(self) -> list[Steered]:
        """What people have requested of the sweep, by its time."""
        return steered(self.trials, self.steering)

    @property
    def paused_by(self) -> str | None:
        """Who has paused the sweep, and when; None of one that is not paused."""
        known = pause_of(self.steering)
        return origin(known["by"], known["at"]) if known else None

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
    return Summary(
        run, definition, own, content.metric_names[1:], content.steering, content.problems
    )


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file for Optuna's tools, which read braces as a template.

    >>> sqlite_url(Path("runs/a b/s.db")), sqlite_url(Path("a?b{c}/s.db"))
    ('sqlite:///runs/a b/s.db', 'sqlite:///a%3Fb%7Bc%7D/s.db')
    """
    url = URL.create("sqlite", database=str(path)).render_as_string()
    return url.replace("{", "{{").replace("}", "}}")


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


def read_order(summary: Summary) -> list[tuple[int, int]]:
    """Return the trial and the steps of each report, in the order in which they were recorded.

    Raise ValueError if the study cannot be read.
    """
    storage, shown = _storage(summary.run, summary.definition)
    return read_report_order(storage, summary.definition.study_name, shown)


def _read_study(run: Path, definition: RunDefinition) -> StudyContent:
    storage, shown = _storage(run, definition)
    return read_study(storage, definition.study_name, shown)


def _storage(run: Path, definition: RunDefinition) -> tuple[RDBStorage, str]:
    """Return the storage of the study, a database or the run's own file, and its name."""
    if definition.study:
        url = definition.study["storage"]
        return database_storage(url_with_password(url)), url
    path = RunLayout(run).study
    return study_for_reading(path), str(path)
