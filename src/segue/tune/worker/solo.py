"""A worker that trains one trial at a time, with a function that returns when the trial ends."""

import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

from segue.base.text import plural
from segue.plan.sweeps.sweep import Sweep
from segue.record.row import FINAL
from segue.train import TrainerError
from segue.tune.cluster.credentials import fetch_credentials
from segue.tune.cluster.parcel import Parcel
from segue.tune.failures import is_out_of_memory
from segue.tune.run.directory import RunDirectory
from segue.tune.run.stored import TrialSync
from segue.tune.search.define_by_run import of_recorded
from segue.tune.verdicts import OUT_OF_MEMORY
from segue.tune.worker import preemption
from segue.tune.worker.logs import TrialLogs
from segue.tune.worker.messages import Assignment, Message, Reply
from segue.tune.worker.one import Report, train_one
from segue.tune.worker.reporter import Exchange, TrialReporter, shared_cause

IDLE_SECONDS = 0.2  # between the questions of a worker for which there is no trial yet


class Runner(Protocol):
    """A function that trains one trial: `train_one`, or a stand-in for it."""

    def __call__(
        self,
        sweep: Sweep,
        parameters: Mapping[str, Any],
        directory: Path,
        *,
        device: str,
        report: Report,
    ) -> None:
        """Train a trial in `directory`, or resume it there; call `report` with each result row."""


@dataclass
class SoloWorker:
    """Trains the trials that the driver assigns, one after another.

    After an exception a trial is tried again, `retries` times. The last exception becomes a report
    that names the cause.
    """

    run: RunDirectory
    parcel: Parcel
    metric: str
    retries: int
    device: str
    exchange: Exchange
    runner: Runner | None
    accept_changes: bool
    _sync: TrialSync = field(default_factory=TrialSync)
    _logs: TrialLogs = field(default_factory=TrialLogs)

    def work(self) -> None:
        """Train until the driver has no trial left for this worker."""
        reply = self.exchange(Message(is_new=True))
        while not reply.finished:
            if reply.begin:
                reply = self._train(reply.begin[0])
            else:
                time.sleep(IDLE_SECONDS)
                if preemption.is_requested():
                    preemption.exit_process()
                reply = self.exchange(Message())

    def upload(self) -> None:
        """Store the files of the trial where they outlast this machine, if that is possible."""
        self._sync.upload_if_possible()

    def _train(self, start: Assignment) -> Reply:
        """Train one trial until it ends, or is stopped; return the driver's last reply."""
        self._sync = self.run.trial_sync(start.number)
        decisions = self.run.decisions(start.number)
        report = TrialReporter(start.number, self.exchange, decisions, self.metric, self._sync)
        with self._logs.redirected():
            try:
                fetch_credentials()
                self._sync.begin()
                self._logs.begin(start.number, self.run.trial(start.number).path)
                self._run_with_retries(start, report)
                if not report.last[FINAL]:
                    raise RuntimeError("It returned before its pipeline had ended.")
            except BaseException as error:
                if report.is_stopped and start.number not in report.reply.stop:
                    raise  # Tune ends this process
                if not report.is_stopped:
                    traceback.print_exc()
                    report.report_failure(error, shared_cause(error))
        return report.reply

    def _run_with_retries(self, start: Assignment, report: TrialReporter) -> None:
        """Run an attempt, and after an exception another one, which resumes.

        An exception that another attempt would raise as well is raised at once.
        """
        for left in reversed(range(self.retries + 1)):
            try:
                self._attempt(start, report)
                return
            except Exception as error:
                if report.is_stopped:
                    raise
                if is_out_of_memory(error):
                    _exit_for_a_larger_share(error, report)
                if not left or is_permanent(error):
                    raise
                print_another_attempt(error, left)

    def _attempt(self, start: Assignment, report: TrialReporter) -> None:
        (mine,) = self.parcel.open()
        parameters = of_recorded(mine, start.recorded)
        directory = self.run.trial(start.number).path
        if self.runner is not None:
            self.runner(mine, parameters, directory, device=self.device, report=report)
            return
        train_one(
            mine,
            parameters,
            directory,
            device=self.device,
            report=report,
            accept_changes=self.accept_changes,
        )


def _exit_for_a_larger_share(error: Exception, report: TrialReporter) -> NoReturn:
    """End the process, which Tune starts again with a larger share of the GPU.

    If there is no larger share, the trial fails at the report instead.
    """
    traceback.print_exc()
    report.report_failure(error, {OUT_OF_MEMORY: True})
    if report.number in report.reply.stop:
        report.is_stopped = True
        raise SystemExit(0)
    os._exit(1)


def print_another_attempt(error: Exception, left: int) -> None:
    """Print an exception, and that the trial is tried again; end a process that cannot try.

    A process in which CUDA has failed cannot use the device any more: Tune starts another one.
    """
    traceback.print_exception(error)
    if "CUDA" in str(error):
        os._exit(1)
    print(f"Trying again from the newest checkpoint; {plural(left, 'attempt')} left.")


def is_permanent(error: Exception) -> bool:
    """Return whether another attempt would raise the exception as well.

    A number that is not finite would come again, bit for bit, and so would a trainer's mistake.
    """
    return isinstance(error, FloatingPointError | TrainerError) or bool(shared_cause(error))
