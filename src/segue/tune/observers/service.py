"""One logging service, and the thread that brings its runs up to date."""

import queue
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from segue.base.files import read_rows
from segue.base.text import printable
from segue.record.row import DIAGNOSTICS, ENV_STEPS, METRIC_PER_SEED, STAGE, Row, evaluated
from segue.record.study.attributes import stage_number
from segue.record.study.trials import TrialSummary
from segue.tune.failures import one_line
from segue.tune.observers.ledger import Ledger
from segue.tune.run.directory import RunDirectory

PATIENCE_SECONDS = 60.0  # at the end of a run, with a service that makes no progress


class Service(Protocol):
    """A logging service with one run per trial.

    It is made for the sweep of a name, its run, and the ledger's identity. Its methods are called
    on one thread. What they raise is printed, and ends nothing.
    """

    def __init__(self, name: str, run: RunDirectory, identity: str) -> None: ...

    @staticmethod
    def check() -> None:
        """Raise ValueError if the service is not set up on this machine."""

    def open_run(self, facts: TrialSummary) -> int | None:
        """Create the trial's run, or resume it.

        Return the environment steps up to which it has reports, None if unknown.
        """

    def log(self, number: int, step: int, values: Mapping[str, float]) -> None:
        """Add a report to the open run of a trial, after `step` environment steps."""

    def finish_run(self, facts: TrialSummary) -> None:
        """Close the run of a trial that has ended."""

    def attach(self, report: Path) -> None:
        """Send the report of the sweep as an artifact, in a run of its own."""

    def close(self) -> None:
        """Close the runs of trials that will be resumed."""


class ServiceThread:
    """Updates one service with the results of trials, on a separate thread."""

    def __init__(
        self,
        name: str,
        make: Callable[[str], Service],
        ledger: Ledger,
        run: RunDirectory,
        by_seed: str | None = None,
    ) -> None:
        """Start the thread; `by_seed` is the metric whose values of each seed are sent as well."""
        self._name = name
        self._make = make
        self._ledger = ledger
        self._run = run
        self._by_seed = by_seed
        self._service: Service | None = None
        self._logged: dict[int, int] = {}  # env steps of the newest logged report, by open run
        self._queue: queue.SimpleQueue[TrialSummary | Path | None] = queue.SimpleQueue()
        self._progress = 0
        self._failures = 0
        self._thread = threading.Thread(target=self._work, name=f"segue-{name}", daemon=True)
        self._thread.start()

    def has_ended(self, number: int) -> bool:
        """Return whether the service has received the trial's end."""
        return number in self._ledger.ended

    def update(self, facts: TrialSummary) -> None:
        """Update the service with a trial's results soon, without blocking."""
        self._queue.put(facts)

    def attach(self, report: Path) -> None:
        """Send the report of the sweep to the service soon, without blocking."""
        self._queue.put(report)

    def close(self, patience: float = PATIENCE_SECONDS) -> None:
        """Wait for the service, unless it makes no progress within `patience` seconds."""
        self._queue.put(None)
        before = -1
        while self._thread.is_alive() and before != self._progress:
            before = self._progress
            self._thread.join(patience)
        if self._thread.is_alive() or self._failures:
            self._print("did not receive everything: run the same command again to send the rest")

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if isinstance(item, Path):
                    self._made().attach(item)
                else:
                    self._update(item)
            except Exception as error:  # whatever a service's library may raise
                if not self._failures:
                    self._print(f"cannot be updated ({one_line(error)}): the sweep continues")
                self._failures += 1
            self._progress += 1
        # What is not closed here is looked up, or sent once more, when the sweep is resumed.
        with suppress(Exception):
            if self._service:
                self._service.close()
                for number, step in self._logged.items():
                    self._ledger.record_step(number, step)

    def _made(self) -> Service:
        self._service = self._service or self._make(self._ledger.identity)
        return self._service

    def _update(self, facts: TrialSummary) -> None:
        """Send the reports of a trial that the service lacks, and the trial's end."""
        number = facts.number
        if number in self._ledger.ended:
            return
        service = self._made()
        if number not in self._logged:
            received = service.open_run(facts)
            known = self._ledger.steps.get(number, 0)
            self._logged[number] = known if received is None else received
        for row in read_rows(self._run.trial(number).results):
            if row[ENV_STEPS] > self._logged[number]:
                service.log(number, row[ENV_STEPS], values_of(row, self._by_seed))
                self._logged[number] = row[ENV_STEPS]
                self._progress += 1
        if facts.has_ended:
            service.finish_run(facts)
            self._ledger.record_end(number)
            del self._logged[number]

    def _print(self, message: str) -> None:
        print(printable(f"{self._name} {message}."), file=sys.stderr)


def values_of(row: Row, by_seed: str | None = None) -> dict[str, float]:
    """Return the numbers of a report.

    They are each evaluated metric, the sweep's own as aggregated over the seeds, the trial's
    progress, and the diagnostics of learning as `diagnostics/NAME`. With the metric's name as
    `by_seed`, its value of each seed is `NAME/seed-INDEX`.
    """
    values = evaluated(row)
    if by_seed is not None:
        per_seed = row.get(METRIC_PER_SEED) or []
        values |= {f"{by_seed}/seed-{index}": value for index, value in enumerate(per_seed)}
    diagnostics = values.pop(DIAGNOSTICS, {})
    values |= {f"{DIAGNOSTICS}/{name}": value for name, value in diagnostics.items()}
    if STAGE in values:
        values[STAGE] = stage_number(values[STAGE])
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
