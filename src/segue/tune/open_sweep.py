"""The run directory and the study of a sweep, held by this process while trials train."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from segue.base.text import printable
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.record.files.definition import read_definition
from segue.tune.checks.sweep import CheckedSweep
from segue.tune.cluster.addresses import check_address
from segue.tune.cluster.session import suppress_ray_warnings
from segue.tune.observers.hparams import HParams
from segue.tune.observers.notifier import check_notify
from segue.tune.observers.services import Loggers, check_services
from segue.tune.options.options import Options
from segue.tune.ray_adapter import TrialObserver
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lease import RunLease, hold_run
from segue.tune.run.opening import open_run
from segue.tune.run.requests import Inbox
from segue.tune.run.resumable import check_resumable
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.searcher import is_complete
from segue.tune.searcher.steering import Steering
from segue.tune.study.catch_up import replay_missed_reports
from segue.tune.study.note import note_of
from segue.tune.study.place import study_place
from segue.tune.study.record import StudyRecord
from segue.tune.study.warm_start import trials_to_adopt


@dataclass(frozen=True)
class OpenSweep:
    """A checked sweep with its run directory and study, which no other process can open."""

    name: str
    sweep: Sweep
    corners: Corners
    directory: RunDirectory
    lease: RunLease
    record: StudyRecord
    budget: Budget
    inbox: Inbox
    """What people request of the sweep."""
    steering: Steering
    observers: tuple[TrialObserver, ...]
    """Those that are up to date with the study before training starts."""
    search: str = "tpe"
    """The name of the search, which "auto" has chosen."""
    changed_at: datetime | None = None
    """When the definition of the sweep changed last, if it ever did."""

    @property
    def is_complete(self) -> bool:
        """Whether no trial is left to train."""
        return is_complete(self.record, self.budget)


def check_options(options: Options) -> None:
    """Raise ValueError for a service, a notification target or an address that cannot be used."""
    check_services(options.log_to)
    if options.notify is not None:
        check_notify(options.notify)
    if options.address:
        check_address(options.address)


@contextmanager
def open_sweep(
    checked: CheckedSweep,
    name: str,
    directory: RunDirectory,
    options: Options,
    console: Console,
    source: Path | None,
) -> Iterator[OpenSweep]:
    """Open the run directory and the study of a sweep, and bring both up to date.

    `source` is the sweep's file. Raise ValueError, before anything is written, for a directory, a
    database or an earlier run that cannot be used.
    """
    sweep = checked.sweep
    say = partial(_say, console)
    earlier = _earlier_trials(options, console)
    with ExitStack() as stack:
        stack.enter_context(suppress_ray_warnings())
        lease = stack.enter_context(hold_run(directory, say))
        _check_steps(checked, directory, options)  # now that a stored run is known
        record = stack.enter_context(_study(checked, name, directory, options, lease, source, say))
        check_resumable(directory, record.numbers(TrialState.RUNNING))
        loggers = stack.enter_context(Loggers(options.log_to, name, record, sweep, directory))
        if directory.store:
            replay_missed_reports(record, directory, sweep.metric)
        if earlier:
            _adopt(record, earlier, say)
        record.plan(sweep.planned())
        inbox = Inbox(directory, say)
        inbox.read()
        steering = Steering(record, directory, inbox, say)
        hparams = HParams(record, sweep, directory)
        hparams.backfill()
        budget = Budget.of(sweep, sweep.requested_trials, checked.longest_trial)
        observers = (hparams, loggers)
        yield OpenSweep(
            name,
            sweep,
            checked.corners,
            directory,
            lease,
            record,
            budget,
            inbox,
            steering,
            observers,
            checked.search.name,
            read_definition(directory).changed_at,
        )


@contextmanager
def _study(
    checked: CheckedSweep,
    name: str,
    directory: RunDirectory,
    options: Options,
    lease: RunLease,
    source: Path | None,
    say: Callable[[str], None],
) -> Iterator[StudyRecord]:
    """Open the run directory, and then the study, whose place the run directory records."""
    with (
        study_place(directory, name, options.storage, fresh=options.fresh) as place,
        open_run(
            directory,
            checked.sweep,
            name,
            fresh=options.fresh,
            accept_changes=options.accept_changes,
            source=source,
            study=place.recorded,
            search=str(checked.search) if checked.search.reason else "",
            longest_trial=checked.longest_trial,
            say=say,
        ),
        closing(place.opened(checked.sweep, checked.space, lease.upload_study)) as record,
    ):
        record.note(note_of(read_definition(directory), directory.shown))
        yield record


def _check_steps(checked: CheckedSweep, directory: RunDirectory, options: Options) -> None:
    """Raise ValueError for a new run whose limit of steps no trial fits into."""
    limit = checked.sweep.max_env_steps
    needed = checked.longest_trial
    is_new = options.fresh or not directory.definition.exists()
    if limit is not None and limit < needed and is_new:
        name = "max_env_steps" if options.max_steps is None else "--max-steps"
        raise ValueError(
            f"{name} is {limit:,}, but a trial takes up to {needed:,} steps, so that none would"
            f" start: give at least {needed:,}."
        )


def _earlier_trials(options: Options, console: Console) -> tuple[list[FrozenTrial], str] | None:
    if not options.warm_start:
        return None
    try:
        return trials_to_adopt(options.warm_start, partial(console.print, markup=False))
    except ValueError as error:
        raise ValueError(f"--warm-start: {error}") from error


def _adopt(
    record: StudyRecord, earlier: tuple[list[FrozenTrial], str], say: Callable[[str], None]
) -> None:
    """Let a new study learn from the trials of an earlier run."""
    if len(record) or record.adopted:
        return
    trials, run = earlier
    adopted = record.adopt(trials, run)
    say(f"The search learns from {adopted} finished trials of {run} that fit.")


def _say(console: Console, message: str) -> None:
    console.print(printable(message), highlight=False, markup=False)
