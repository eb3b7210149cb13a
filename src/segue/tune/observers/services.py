"""Services that follow a sweep: a run of theirs for each trial, brought up to date from what the
trials wrote.

A service is told on a thread of its own, so that no sweep waits for it, and its failures are told
once. Which runs it has whole stands in a ledger in the run directory; of the others it says itself
what it has, where it can. So a continued sweep goes on with the same runs, tells no report twice,
and tells what was missed, be it a report, a trial's end, or all trials before the service was asked
for.
"""

import importlib
import json
import queue
import secrets
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from segue.base.files import cut_torn_row, read_rows
from segue.base.suggestions import suggestion
from segue.plan.sweeps.sweep import Sweep
from segue.tune.observers.board import FINISHED
from segue.tune.ray_adapter import TrialObserver
from segue.tune.run.directory import RunDirectory
from segue.tune.study.record import StudyRecord
from segue.tune.study.trial_facts import TrialFacts, facts_of
from segue.tune.worker.trainable import one_line

PATIENCE_SECONDS = 30.0  # at the end of a run, with a service that gets no further
_SERVICES = {
    "wandb": "segue.tune.observers.wandb_runs",
    "mlflow": "segue.tune.observers.mlflow_runs",
}


class Service(Protocol):
    """Keeps a run for each trial. Called on one thread; whatever it raises is told to people."""

    def begin(self, facts: TrialFacts) -> int | None:
        """Make the trial's run, or go on with it; the environment steps up to which it has reports,
        None if unknown.
        """

    def log(self, number: int, step: int, numbers: Mapping[str, float]) -> None:
        """Add a report of an open run, after so many environment steps."""

    def end(self, facts: TrialFacts) -> None:
        """Close the run of a trial that has ended."""

    def close(self) -> None:
        """Close the runs of trials that will be continued."""


def check_services(names: Sequence[str]) -> None:
    """Raise ValueError, in one sentence, for a service that is unknown, not installed or not set
    up.
    """
    for name in names:
        if name not in _SERVICES:
            raise ValueError(
                f"There is no service {name!r} to log to: {suggestion(name, _SERVICES)}"
            )
        if find_spec(name) is None:
            raise ValueError(f"Logging to {name} needs its package: pip install 'segue[{name}]'.")
        importlib.import_module(_SERVICES[name]).check()


class Ledger:
    """What a service certainly has, one row each time a run is closed:
    `runs/NAME/logged/SERVICE.jsonl`.

    `identity` tells this run of the sweep from all others, wherever its directory is moved.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.steps: dict[int, int] = {}
        self.ended: set[int] = set()
        cut_torn_row(path)
        rows = read_rows(path)
        self.identity = rows[0]["identity"] if rows else secrets.token_hex(4)
        if not rows:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._add({"identity": self.identity})
        for row in rows[1:]:
            self._take(row)

    def note_step(self, number: int, step: int) -> None:
        """The run of a trial that goes on was closed after the report at `step`."""
        self._note({"trial": number, "env_steps": step})

    def note_end(self, number: int) -> None:
        """The run was closed for good."""
        self._note({"trial": number, "ended": True})

    def _note(self, row: dict[str, Any]) -> None:
        self._add(row)
        self._take(row)

    def _take(self, row: Mapping[str, Any]) -> None:
        if "ended" in row:
            self.ended.add(row["trial"])
        else:
            self.steps[row["trial"]] = row["env_steps"]

    def _add(self, row: Mapping[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")


class Follower:
    """One service, and the thread on which it is told."""

    def __init__(
        self, name: str, make: Callable[[str], Service], ledger: Ledger, run: RunDirectory
    ) -> None:
        self._name, self._make, self._ledger, self._run = name, make, ledger, run
        self._service: Service | None = None
        self._reached: dict[
            int, int
        ] = {}  # by open run, the steps up to which its reports are told
        self._told: queue.SimpleQueue[TrialFacts | None] = queue.SimpleQueue()
        self._progress = self._has_failed = 0
        self._thread = threading.Thread(target=self._work, name=f"segue-{name}", daemon=True)
        self._thread.start()

    def knows(self, number: int) -> bool:
        """Whether the trial's end was told."""
        return number in self._ledger.ended

    def tell(self, facts: TrialFacts) -> None:
        """Let the service know how a trial stands, soon."""
        self._told.put(facts)

    def close(self, patience: float = PATIENCE_SECONDS) -> None:
        """Wait until everything is told, as long as the service gets any further within `patience`
        seconds.
        """
        self._told.put(None)
        before = -1
        while self._thread.is_alive() and before != self._progress:
            before = self._progress
            self._thread.join(patience)
        if self._thread.is_alive() or self._has_failed:
            self._say("has not been told everything; the same command makes up for it")

    def _work(self) -> None:
        while (facts := self._told.get()) is not None:
            try:
                self._update(facts)
            except Exception as error:  # whatever a service's library may raise
                if not self._has_failed:
                    self._say(f"cannot be told ({one_line(error)}); the sweep goes on")
                self._has_failed += 1
            self._progress += 1
        with suppress(
            Exception
        ):  # what is not closed is asked for, or told once more, when the sweep goes on
            if self._service:
                self._service.close()
                for number, step in self._reached.items():
                    self._ledger.note_step(number, step)

    def _update(self, facts: TrialFacts) -> None:
        """Tell the reports that the trial's directory has and the service has not, and the trial's
        end.
        """
        number, ledger, reached = facts.number, self._ledger, self._reached
        if number in ledger.ended:
            return
        self._service = self._service or self._make(ledger.identity)
        if number not in reached:
            has = self._service.begin(facts)
            reached[number] = ledger.steps.get(number, 0) if has is None else has
        for row in read_rows(self._run.results(number)):
            if row["env_steps"] > reached[number]:
                self._service.log(number, row["env_steps"], numbers_of(row))
                reached[number] = row["env_steps"]
                self._progress += 1
        if facts.has_ended:
            self._service.end(facts)
            ledger.note_end(number)
            del reached[number]

    def _say(self, what: str) -> None:
        print(f"{self._name} {what}.", file=sys.stderr)


class Loggers(TrialObserver):
    """Tells services what becomes of trials. A context manager: finished trials that they lack are
    told first.
    """

    def __init__(
        self, names: Sequence[str], name: str, record: StudyRecord, sweep: Sweep, run: RunDirectory
    ) -> None:
        self._names, self._name = list(dict.fromkeys(names)), name
        self._record, self._sweep, self._run = record, sweep, run
        self._followers: list[Follower] = []

    def __enter__(self) -> "Loggers":
        for service in self._names:
            module = importlib.import_module(_SERVICES[service])
            ledger = Ledger(self._run.path / "logged" / f"{service}.jsonl")
            follower = Follower(
                service, partial(module.make, self._name, self._run), ledger, self._run
            )
            self._followers.append(follower)
            for number in self._record.numbers(*FINISHED):
                if not follower.knows(number):
                    follower.tell(self._facts(number))
        return self

    def __exit__(self, *error: object) -> None:
        for follower in self._followers:
            follower.close()

    def started(self, number: int) -> None:
        """Let the services know that a trial starts, or starts again."""
        self._tell(number)

    def reported(self, number: int, row: Mapping[str, Any]) -> None:
        """Let the services know that a trial has reported."""
        self._tell(number)

    def ended(self, number: int) -> None:
        """Let the services know that a trial has ended."""
        self._tell(number)

    def _tell(self, number: int) -> None:
        if self._followers:
            facts = self._facts(number)
            for follower in self._followers:
                follower.tell(facts)

    def _facts(self, number: int) -> TrialFacts:
        return facts_of(self._record, self._sweep, number)


def numbers_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a report: each evaluated metric, the sweep's own over the seeds, and where the
    trial stands.
    """
    told = {**row["evaluation"], **row}
    return {
        name: value
        for name, value in told.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
