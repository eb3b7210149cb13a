"""A run in a notebook: data frames of its trials and of their curves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.base.extras import optional_dependency
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
        return pandas_module().DataFrame(
            [trial.to_columns(summary.metric) for trial in facts(summary)]
        )

    @property
    def curves(self) -> Any:
        """A data frame with one row per report.

        Columns: trial, env_steps, stage, stage_steps, the metric, and the metric of each seed.
        """
        return pandas_module().DataFrame(list(curves(self.summary)))


def pandas_module() -> Any:
    """Return the package pandas; raise ValueError if it is not installed."""
    with optional_dependency("report", "A data frame"):
        import pandas

        return pandas
