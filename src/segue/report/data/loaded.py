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
    """The contents of a run directory.

    They are read at each access, so that they reflect a sweep that is still running.
    """

    path: Path

    @property
    def summary(self) -> Summary:
        """Name, metric and trials; the trials are Optuna's."""
        return read_summary(self.path)

    @property
    def trials(self) -> Any:
        """A data frame with one row per trial, best first; columns as in `segue show --csv`."""
        summary = self.summary
        return _pandas().DataFrame([trial.to_columns(summary.metric) for trial in facts(summary)])

    @property
    def curves(self) -> Any:
        """A data frame with one row per report.

        Columns: trial, env_steps, stage, stage_steps, the metric, and the metric of each seed.
        """
        return _pandas().DataFrame(list(curves(self.summary)))


def load(run: str | Path) -> LoadedRun:
    """Open a run directory, or fetch a run from a store.

    Raises ValueError if there is no run, or if pandas is not installed.
    """
    _pandas()
    found = LoadedRun(fetch_run(run).path)
    read_summary(found.path)
    return found


def _pandas() -> Any:
    with optional_dependency("report", "A data frame"):
        import pandas

        return pandas
