"""Failures of a trial as reports, and the report of a trial that has a worker to itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segue.plan.decision import Decision
from segue.record.row import ENV_STEPS, FINAL, Row
from segue.tune.failures import is_disk_full, one_line, store_unavailable
from segue.tune.run.decisions import decision_for
from segue.tune.run.stored import TrialSync
from segue.tune.verdicts import DISK_FULL, FAILURE, STORE_UNAVAILABLE, has_failed
from segue.tune.worker.messages import Message, Reply

Exchange = Callable[[Message], Reply]
NO_ROW: Row = {ENV_STEPS: 0, FINAL: False}
"""What stands for the last row of a trial that has not reported."""


@dataclass
class TrialReporter:
    """Reports the rows of the only trial of a worker, and raises SystemExit once it is stopped.

    A report is made after everything that it depends on is stored, and returns when the driver has
    processed it.
    """

    number: int
    exchange: Exchange
    decisions: Path
    metric: str
    sync: TrialSync = field(default_factory=TrialSync)
    last: Row = field(default_factory=lambda: NO_ROW)
    reply: Reply = field(default_factory=Reply)
    """What the driver replied last."""
    is_stopped: bool = False

    def __call__(self, row: Row) -> Decision | None:
        """Report a row and return the driver's decision, None if there is none."""
        self.last = row
        self._upload(row)
        try:
            self.reply = self.exchange(Message([(self.number, row)]))
        except SystemExit:
            self.is_stopped = True
            raise
        if has_failed(row) or row[FINAL]:
            return None
        if self.number in self.reply.stop:
            self.is_stopped = True
            raise SystemExit(0)
        if self.number not in self.reply.decided:
            return None
        self.sync.fetch_decisions()
        return decision_for(self.decisions, row)

    def report_failure(self, error: BaseException, marks: Mapping[str, Any]) -> None:
        """Report why the trial failed, with further marks."""
        self(failed_row(self.last, self.metric, error, marks))

    def _upload(self, row: Row) -> None:
        if not has_failed(row):
            self.sync.upload()
        elif STORE_UNAVAILABLE not in row:
            self.sync.upload_if_possible()


def failed_row(last: Row, metric: str, error: BaseException, marks: Mapping[str, Any]) -> Row:
    """Return the report of a failure: the trial's last row without a metric, why, and the marks."""
    return {**last, metric: float("nan"), FAILURE: one_line(error), **marks}


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
