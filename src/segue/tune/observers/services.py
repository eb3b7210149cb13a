"""Logging services that follow a sweep: each trial has a run there, filled from its files.

A service is updated on a separate thread, so that no sweep waits for it, and its failures are
printed once. A ledger in the run directory records which runs the service has received completely;
for the others, the service is queried for what it has, if it is available. A resumed sweep
therefore continues the same runs, sends no report twice, and sends what was missed, be it a report,
a trial's end, or all trials before the service was requested. The page that is written at the end
is an artifact, in a run beside those of the trials.
"""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

from segue.base.suggestions import suggestion
from segue.plan.sweeps.sweep import Sweep
from segue.record.row import Row
from segue.record.study.trials import TrialSummary
from segue.tune.observers.board import FINISHED
from segue.tune.observers.ledger import Ledger
from segue.tune.observers.service import Service, ServiceThread
from segue.tune.ray_adapter import TrialObserver
from segue.tune.run.directory import RunDirectory
from segue.tune.study.record import StudyRecord
from segue.tune.study.trial_summary import summary_of

_SERVICES = {
    "wandb": "segue.tune.observers.wandb_runs:WandbRuns",
    "mlflow": "segue.tune.observers.mlflow_runs:MlflowRuns",
}


def check_services(names: Sequence[str]) -> None:
    """Raise ValueError, in one sentence, for a service that cannot be used.

    It may be unknown, not installed, or not set up.
    """
    for name in names:
        if name not in _SERVICES:
            raise ValueError(f"--log-to names no service {name!r}: {suggestion(name, _SERVICES)}")
        if find_spec(name) is None:
            raise ValueError(f"Logging to {name} needs its package: pip install 'segue[{name}]'.")
        _service(name).check()


def send_report(names: Sequence[str], name: str, run: RunDirectory, report: Path) -> None:
    """Send the report of a run that has ended to logging services, as an artifact.

    `name` is that of the sweep. What a service does not take is printed, and ends nothing.
    """
    threads = []
    for service in dict.fromkeys(names):
        make = partial(_service(service), name, run)
        thread = ServiceThread(service, make, Ledger(run.ledger(service)), run)
        thread.attach(report)
        threads.append(thread)
    for thread in threads:
        thread.close()


class Loggers(TrialObserver):
    """Updates logging services with the results of trials.

    A context manager: finished trials that a service lacks are sent first.
    """

    def __init__(
        self, names: Sequence[str], name: str, record: StudyRecord, sweep: Sweep, run: RunDirectory
    ) -> None:
        self._services = list(dict.fromkeys(names))
        self._name = name
        self._record = record
        self._sweep = sweep
        self._run = run
        self._threads: list[ServiceThread] = []

    def __enter__(self) -> "Loggers":
        for service in self._services:
            ledger = Ledger(self._run.ledger(service))
            make = partial(_service(service), self._name, self._run)
            by_seed = self._sweep.metric if self._sweep.log_seeds else None
            thread = ServiceThread(service, make, ledger, self._run, by_seed)
            self._threads.append(thread)
            for number in self._record.numbers(*FINISHED):
                if not thread.has_ended(number):
                    thread.update(self._facts(number))
        return self

    def __exit__(self, *error: object) -> None:
        for thread in self._threads:
            thread.close()

    def started(self, number: int) -> None:
        """Open the trial's run in each service."""
        self._update(number)

    def reported(self, number: int, row: Row) -> None:
        """Send the trial's new reports to each service."""
        self._update(number)

    def ended(self, number: int) -> None:
        """Close the trial's run in each service."""
        self._update(number)

    def _update(self, number: int) -> None:
        if self._threads:
            facts = self._facts(number)
            for thread in self._threads:
                thread.update(facts)

    def _facts(self, number: int) -> TrialSummary:
        return summary_of(self._record, self._sweep, number)


def _service(name: str) -> type[Service]:
    found: type[Service] = resolve_name(_SERVICES[name])
    return found
