"""A worker that trains several trials side by side."""

import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import NoReturn

from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import TrialLayout
from segue.record.row import Row
from segue.train import ExploitRequested, Preempted
from segue.train.trials.prefixes import SharedTraining
from segue.train.trials.several import Trials
from segue.tune.cluster.credentials import fetch_credentials
from segue.tune.cluster.parcel import Parcel
from segue.tune.failures import is_out_of_memory, one_line
from segue.tune.run.decisions import decision_for
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lineage import read_lineage, write_lineage
from segue.tune.run.stored import TrialSync
from segue.tune.search.define_by_run import of_recorded
from segue.tune.verdicts import OUT_OF_MEMORY
from segue.tune.worker import preemption
from segue.tune.worker.logs import TrialLogs
from segue.tune.worker.messages import Assignment, Message, Reply
from segue.tune.worker.one import described_spec
from segue.tune.worker.reporter import NO_ROW, Exchange, failed_row, shared_cause
from segue.tune.worker.solo import IDLE_SECONDS, is_permanent, print_another_attempt
from segue.tune.worker.uploads import upload_all, upload_reports


@dataclass
class _Dealt:
    """A trial that the driver has assigned to this worker."""

    start: Assignment
    sync: TrialSync
    left: int
    """Number of attempts that are left after an exception."""
    last: Row = field(default_factory=lambda: NO_ROW)
    is_prepared: bool = False
    """Whether its directory is on this machine, with all that is stored of it."""


@dataclass
class SharedWorker:
    """Trains assigned trials side by side; one that ends makes room for the next.

    All reports of a step are sent in one message, after everything that they depend on is stored.
    Training continues once the driver has decided on each of them. After an exception a trial is
    tried again, `retries` times. The last exception becomes a report that names the cause.
    """

    run: RunDirectory
    parcel: Parcel
    metric: str
    retries: int
    device: str
    exchange: Exchange
    accept_changes: bool
    _assigned: dict[int, _Dealt] = field(default_factory=dict)
    _reports: list[tuple[int, Row]] = field(default_factory=list)
    _logs: TrialLogs = field(default_factory=TrialLogs)
    _trials: Trials = field(default_factory=lambda: Trials(_is_fatal))
    _needs_memory: int | None = None
    """The trial that does not fit into its share of the GPU, although it is alone."""

    def work(self) -> None:
        """Train until the driver has no trial left for this worker."""
        with self._trials, self._logs.redirected():
            reply = self.exchange(Message(is_new=True))
            while not reply.finished:
                self._apply(reply)
                self._train()
                if preemption.is_requested():
                    self._leave_process()
                self._upload_reports()
                sent = self._reports
                self._reports = []
                reply = self.exchange(Message(sent))
                if self._needs_memory is not None and self._needs_memory not in reply.stop:
                    os._exit(1)  # Tune starts another process, with a larger share of the GPU
                self._needs_memory = None
                self._decide(reply, sent)

    def upload(self) -> None:
        """Store the files of all trials where they outlast this machine, if that is possible."""
        upload_all([assigned.sync for assigned in self._assigned.values()])

    @cached_property
    def _sweep(self) -> Sweep:
        """The sweep, in this process; trials share its objects."""
        (mine,) = self.parcel.open()
        assert isinstance(mine, Sweep)
        return mine

    def _apply(self, reply: Reply) -> None:
        for number in reply.stop:
            self._leave(number)
        for start in reply.begin:
            sync = self.run.trial_sync(start.number)
            self._assigned[start.number] = _Dealt(start, sync, self.retries)
            self._guarded(start.number, partial(self._begin, start.number))

    def _decide(self, reply: Reply, sent: Iterable[tuple[int, Row]]) -> None:
        """Apply the decisions on the reports that have just been sent."""
        for number, row in sent:
            if number in reply.decided and number in self._trials.numbers:
                self._guarded(number, partial(self._decided, number, row))

    def _decided(self, number: int, row: Row) -> None:
        self._sync(number).fetch_decisions()
        self._trials.decide(number, decision_for(self.run.decisions(number), row))

    def _prepare(self, number: int) -> None:
        """Bring the directory of a trial to this machine, once."""
        assigned = self._assigned[number]
        if not assigned.is_prepared:
            fetch_credentials()
            assigned.sync.begin()
            if assigned.start.prefix is not None:
                assigned.sync.fetch_prefix(assigned.start.prefix)
            self._logs.begin(number, self.run.trial(number).path)
            assigned.is_prepared = True

    def _begin(self, number: int) -> None:
        """Begin a trial, or continue it from its newest checkpoint."""
        self._prepare(number)
        directory = self.run.trial(number).path
        exploit = read_lineage(self.run.trial(number))
        with self._logs.only(number):
            parameters = of_recorded(self._sweep, self._assigned[number].start.recorded)
            spec = described_spec(self._sweep, parameters, directory, exploit, self.device)
            self._trials.begin(
                number,
                spec,
                directory,
                lambda row: self._report(number, row),
                exploit,
                self.accept_changes,
                self._shared(self._assigned[number].start),
            )

    def _shared(self, start: Assignment) -> SharedTraining:
        folder = None if start.prefix is None else self.run.prefix(start.prefix)
        return SharedTraining(folder, start.saved_after)

    def _report(self, number: int, row: Row) -> None:
        self._assigned[number].last = row
        self._reports.append((number, row))

    def _train(self) -> None:
        """Train until a trial reports, or wait a moment where there is none to train."""
        if not self._trials.numbers and not self._reports:
            time.sleep(IDLE_SECONDS)
        while self._trials.numbers and not self._reports and not preemption.is_requested():
            self._advance()

    def _advance(self) -> None:
        """Train one rollout of each trial."""
        try:
            ended = self._trials.advance()
        except Exception as error:
            if not _is_fatal(error):
                raise
            self._end_process(error)
        for number, outcome in ended.items():
            if isinstance(outcome, Exception):
                self._guarded(number, partial(_raise, outcome))

    def _guarded(self, number: int, act: Callable[[], None]) -> None:
        """Call a function for a trial, and again after an exception, as often as is allowed."""
        while True:
            try:
                act()
                return
            except ExploitRequested as requested:
                exploit = requested.exploit
                self._withdraw(number)
                write_lineage(TrialLayout(self.run.trial(number).path), exploit)
            except Exception as error:
                self._withdraw(number)
                if not self._may_try_again(number, error):
                    return
            act = partial(self._begin, number)

    def _may_try_again(self, number: int, error: Exception) -> bool:
        """Return whether another attempt is left; otherwise report the exception as the failure."""
        assigned = self._assigned[number]
        if _is_fatal(error) and len(self._assigned) > 1:
            self._end_process(error)
        if is_out_of_memory(error):
            self._needs_memory = number
            self._fail(number, error, {OUT_OF_MEMORY: True})
            return False
        if assigned.left and not is_permanent(error):
            self._print(number, lambda: print_another_attempt(error, assigned.left))
            assigned.left -= 1
            return True
        self._fail(number, error, shared_cause(error))
        return False

    def _fail(self, number: int, error: Exception, marks: Mapping[str, object]) -> None:
        self._print(number, lambda: traceback.print_exception(error))
        self._report(number, failed_row(self._assigned[number].last, self.metric, error, marks))

    def _withdraw(self, number: int) -> None:
        """Let a trial leave that has not left by itself."""
        if number in self._trials.numbers:
            self._trials.leave(number)

    def _leave(self, number: int) -> None:
        """Forget a trial that has ended, was stopped or is paused."""
        self._withdraw(number)
        self._logs.end(number)
        self._assigned.pop(number, None)

    def _sync(self, number: int) -> TrialSync:
        return self._assigned[number].sync

    def _upload_reports(self) -> None:
        """Upload what the reports depend on; a trial for which that fails has failed."""
        errors = upload_reports(self._reports, self._sync)
        if errors:
            self._reports = [report for report in self._reports if report[0] not in errors]
        for number, error in errors.items():
            self._withdraw(number)
            self._fail(number, error, shared_cause(error))

    def _print(self, number: int, act: Callable[[], None]) -> None:
        with self._logs.only(number):
            act()

    def _end_process(self, error: Exception) -> NoReturn:
        """End a process that cannot continue with its trials, which resume in another one."""
        traceback.print_exception(error)
        if is_out_of_memory(error):
            self.exchange(Message(out_of_memory=one_line(error)))
        os._exit(1)

    def _leave_process(self) -> NoReturn:
        """Pause all trials, which resume in another process, and end this one."""
        for number in self._trials.numbers:
            with self._logs.only(number), suppress(Exception):
                print(Preempted(self._trials.pause(number)))
        preemption.exit_process()


def _is_fatal(error: Exception) -> bool:
    """Return whether no trial of this process can continue in it."""
    return is_out_of_memory(error) or "CUDA" in str(error)


def _raise(error: Exception) -> NoReturn:
    raise error
