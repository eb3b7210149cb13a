"""Report a trial's rows from its worker to Tune, and return the driver's decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray import tune

from segue.plan.decision import Decision
from segue.record.row import ENV_STEPS, FINAL, Row
from segue.tune.failures import is_disk_full, one_line, store_unavailable
from segue.tune.run.decisions import decision_for
from segue.tune.run.stored import TrialSync
from segue.tune.verdicts import DISK_FULL, FAILURE, STORE_UNAVAILABLE, has_failed


@dataclass
class TuneReporter:
    """Reports rows to Tune, which raises SystemExit in a trial that it stops.

    A report is made after everything that it depends on is stored, and returns when the driver has
    processed it.
    """

    decisions: Path
    metric: str
    sync: TrialSync = field(default_factory=TrialSync)
    last: Row = field(default_factory=lambda: {ENV_STEPS: 0, FINAL: False})
    is_stopped: bool = False

    def __call__(self, row: Row) -> Decision | None:
        """Report a row and return the driver's decision, None for a row that reports a failure."""
        self.last = row
        if not has_failed(row):
            self.sync.upload()
        elif STORE_UNAVAILABLE not in row:
            self.sync.upload_if_possible()
        try:
            tune.report(row)
        except SystemExit:
            self.is_stopped = True
            raise
        if has_failed(row):
            return None
        self.sync.fetch_decisions()
        return decision_for(self.decisions, row)

    def report_failure(self, error: BaseException, marks: Mapping[str, Any]) -> None:
        """Report why the trial failed, with further marks."""
        self({**self.last, self.metric: float("nan"), FAILURE: one_line(error), **marks})


def shared_cause(error: BaseException) -> dict[str, str]:
    """Return the marks of a failure that does not end with its trial, with messages.

    A full disk and an unavailable store would fail the other trials as well; the result is empty
    for any other exception.
    """
    marks = {
        DISK_FULL: one_line(error) if is_disk_full(error) else None,
        STORE_UNAVAILABLE: store_unavailable(error),
    }
    return {name: message for name, message in marks.items() if message}
