"""A sweep from its first check to its last trial: the driver's side."""

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial
from ray import tune
from ray.tune import Callback
from rich.console import Console

from segue.plan.sweeps.sweep import Sweep
from segue.tune.checks import check_sweep
from segue.tune.cluster.addresses import check_address
from segue.tune.cluster.capacity import machines, may_grow, trials_at_once
from segue.tune.cluster.gpu_share import with_gpu_share
from segue.tune.cluster.session import quiet, ray_session
from segue.tune.corners import Corners
from segue.tune.failures import is_disk_full, one_line, store_unavailable
from segue.tune.interruption import Interruption
from segue.tune.observers.board import FINISHED, Board
from segue.tune.observers.hparams import HParams
from segue.tune.observers.live_view import LiveView
from segue.tune.observers.notifier import Event, Notifier, check_notify, ending_of
from segue.tune.observers.services import Loggers, check_services
from segue.tune.observers.watchdog import Watchdog
from segue.tune.options import Options, overridden
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lease import RunLease, for_workers, hold_run, run_at
from segue.tune.run.opening import open_run
from segue.tune.schedulers.choice import make_scheduler
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.study.budget import Budget
from segue.tune.study.catch_up import replay_missed_reports
from segue.tune.study.place import study_place
from segue.tune.study.record import StudyRecord
from segue.tune.study.searcher import StudySearcher, is_complete
from segue.tune.study.warm_start import trials_to_adopt
from segue.tune.verdicts import Verdicts
from segue.tune.worker.trainable import Runner, make_trainable, train_one


@dataclass(frozen=True)
class SweepResult:
    """What `run_sweep` did: whether there was anything left to train, and what ended it before it
    was done.

    `interrupted_by` is the number of a signal, `problem` a sentence for people.
    """

    run: RunDirectory
    trained: bool
    interrupted_by: int | None = None
    problem: str | None = None


def run_sweep(
    sweep: Sweep,
    name: str,
    run_directory: Path | str,
    options: Options | None = None,
    *,
    console: Console | None = None,
    runner: Runner | None = None,
    source: Path | None = None,
) -> SweepResult:
    """Run those trials of `sweep` that its run directory does not hold yet; Ray is not started
    where it holds all.

    `run_directory` is a folder, or the URL of one in a store.

    SIGINT, SIGTERM and SIGUSR1 end the run gracefully; what was running is continued next time.
    `runner` trains one trial in place of `train_one`; `source` is the sweep's file, of which the
    run directory keeps a copy.

    Raises ValueError, in one sentence and before anything is written, for whatever cannot work.
    """
    options = options or Options()
    asked = overridden(sweep, options)
    checked = check_sweep(asked)
    check_services(options.log_to)
    if options.notify is not None:
        check_notify(options.notify)
    if options.address:
        check_address(options.address)
    earlier = _trials_of(options.warm_start) if options.warm_start else None
    run, out = run_at(run_directory), console or Console()
    with ExitStack() as stack:
        stack.enter_context(quiet())
        lease = stack.enter_context(hold_run(run, out.print))
        place = study_place(run, name, options.storage, fresh=options.fresh)
        how = {"fresh": options.fresh, "accept_changes": options.accept_changes}
        stack.enter_context(open_run(run, asked, name, source=source, study=place.recorded, **how))
        record = stack.enter_context(
            closing(place.opened(asked, checked.space, lease.upload_study))
        )
        loggers = stack.enter_context(Loggers(options.log_to, name, record, asked, run))
        if run.store:
            replay_missed_reports(record, run, asked.metric)
        if earlier and not len(record) and not record.adopted:
            adopted = record.adopt(*earlier)
            out.print(f"{adopted} finished trials of {options.warm_start} fit and are learnt from")
        record.plan(asked.planned())
        hparams = HParams(record, asked, run)
        hparams.backfill()
        budget = Budget.of(asked, budget_of(asked), checked.corners.longest_pipeline)
        if is_complete(record, budget):
            return SweepResult(run, trained=False)
        verdicts, trains = (
            Verdicts(),
            runner or partial(train_one, accept_changes=options.accept_changes),
        )
        interruption = Interruption(
            asked.time_budget_s, lambda: verdicts.cannot_store_results or _is_lost(lease, verdicts)
        )
        board = Board(record, asked, budget)
        notifier = Notifier(options.notify, name, run.path, board)
        followers = (hparams, loggers)
        parts = _Run(
            asked,
            checked.corners,
            run,
            record,
            board,
            out,
            trains,
            interruption,
            verdicts,
            notifier,
            followers,
        )
        with notifier.telling(parts.ending):
            _train(parts, options)
        return SweepResult(
            run, trained=True, interrupted_by=parts.interruption.by, problem=parts.problem
        )


def _trials_of(earlier: Path | str) -> tuple[list[FrozenTrial], str]:
    try:
        return trials_to_adopt(earlier)
    except ValueError as error:
        raise ValueError(f"--warm-start: {error}") from error


def _is_lost(lease: RunLease, verdicts: Verdicts) -> bool:
    """Whether another process has the run now; the verdict then says so."""
    verdicts.store_unavailable = verdicts.store_unavailable or lease.lost
    return lease.lost is not None


def budget_of(sweep: Sweep) -> int:
    """How many trials the sweep asks for."""
    return sweep.trials if sweep.trials is not None else len(sweep.planned())


@dataclass(frozen=True)
class _Run:
    """The parts of one run of a sweep."""

    sweep: Sweep
    corners: Corners
    directory: RunDirectory
    record: StudyRecord
    board: Board
    console: Console
    runner: Runner
    interruption: Interruption
    verdicts: Verdicts
    notifier: Notifier
    followers: tuple[Callback, ...]

    @property
    def budget(self) -> Budget:
        return self.board.budget

    @property
    def problem(self) -> str | None:
        """What ended the run before it was done, for people."""
        if self.verdicts.out_of_disk:
            return (
                f"The disk is full ({self.verdicts.out_of_disk}): make room, and run the same"
                " command again."
            )
        if self.verdicts.store_unavailable:
            return (
                f"{self.verdicts.store_unavailable} What is done is kept: the same command goes on."
            )
        if self.interruption.is_late:
            return "The time for this run is over; the same command goes on where it ended."
        return None

    def say(self, what: str) -> None:
        self.console.print(what, highlight=False, markup=False)

    def searcher(self) -> StudySearcher:
        return StudySearcher(self.record, self.sweep, self.budget, self.verdicts)

    def scheduler(self) -> StudyScheduler:
        inner = make_scheduler(self.sweep, self.corners)
        return StudyScheduler(
            inner, self.sweep, self.corners, self.record, self.directory, self.verdicts, self.budget
        )

    def view(self) -> LiveView:
        return LiveView(self.board, self.directory, self.console)

    def watchdog(self) -> Watchdog:
        tell = partial(self.notifier.send, "stalled")
        return Watchdog(self.sweep.report_timeout_s, self.verdicts, notify=tell)

    def ending(self) -> tuple[Event, str]:
        return ending_of(self.board, self.interruption.by, self.interruption.is_late, self.verdicts)


def _train(parts: _Run, options: Options) -> None:
    left, planned = parts.budget.trials - len(parts.record.numbers(*FINISHED)), parts.budget.trials
    parts.console.print(
        f"{left} of {planned} trials to run, in {parts.directory.shown}", highlight=False
    )
    with ExitStack() as stack:
        stack.enter_context(ray_session(options.address))
        parts = replace(
            parts,
            sweep=with_gpu_share(parts.sweep, parts.corners, machines(), may_grow(), parts.say),
        )
        stack.enter_context(parts.interruption.listening(parts.console.print))
        view = stack.enter_context(parts.view())
        concurrency = trials_at_once(parts.sweep, machines(), may_grow())
        try:
            _tuner(parts, view, concurrency).fit()
        except Exception as error:
            if is_disk_full(error):
                parts.verdicts.out_of_disk = one_line(error)
                return
            lost = store_unavailable(error)
            if lost:
                parts.verdicts.store_unavailable = lost
                return
            # Not a ValueError: a refusal is what comes before this.
            raise RuntimeError(
                "The run broke; what is done is kept, and can be continued."
            ) from error


def _tuner(parts: _Run, view: LiveView, concurrency: int | None) -> tune.Tuner:
    trainable = make_trainable(parts.sweep, for_workers(parts.directory), parts.runner)
    return tune.Tuner(
        tune.with_resources(trainable, dict(parts.sweep.resources)),
        tune_config=tune.TuneConfig(
            metric=parts.sweep.metric,
            mode=parts.sweep.mode,
            search_alg=parts.searcher(),
            scheduler=parts.scheduler(),
            num_samples=-1,  # the searcher says when it has finished
            max_concurrent_trials=concurrency,
            reuse_actors=True,
            trial_dirname_creator=_dirname,
        ),
        run_config=tune.RunConfig(
            name=datetime.now().strftime("%Y%m%d-%H%M%S-%f"),
            storage_path=str(parts.directory.tune.absolute()),
            callbacks=[parts.board, view, parts.watchdog(), *parts.followers],
            stop=parts.interruption,
            failure_config=tune.FailureConfig(max_failures=parts.sweep.retries),
            verbose=0,
        ),
    )


def _dirname(trial: Any) -> str:
    # Each attempt at a trial has one of its own in Tune's directory.
    return f"{trial.config['trial']:04d}-{trial.trial_id}"
