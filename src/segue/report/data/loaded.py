"""A run in a notebook: data frames of its trials and of their curves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.base.extras import optional_dependency
from segue.record.local_run import fetch_run
from segue.report.data.facts import curves, facts
from segue.report.data.summary import Summary, read_summary


@dataclass(frozen=True)
class LoadedRun:
    """What a run directory holds; read when it is asked for, so that it follows a sweep that is
    still running.
    """

    path: Path

    @property
    def summary(self) -> Summary:
        """Name, metric and trials, as Optuna has them."""
        return read_summary(self.path)

    @property
    def trials(self) -> Any:
        """A data frame of one row a trial, best first; columns as in `segue show --csv`."""
        summary = self.summary
        return _pandas().DataFrame([trial.to_columns(summary.metric) for trial in facts(summary)])

    @property
    def curves(self) -> Any:
        """A data frame of one row a report: trial, env_steps, stage, stage_steps, the metric, and
        each seed's.
        """
        return _pandas().DataFrame(list(curves(self.summary)))


def load(run: str | Path) -> LoadedRun:
    """Open a run directory, or fetch a run from a store; raises ValueError where there is none, or
    no pandas.
    """
    _pandas()
    found = LoadedRun(fetch_run(run).path)
    read_summary(found.path)
    return found


def _pandas() -> Any:
    with optional_dependency("report", "A data frame"):
        import pandas

        return pandas
