"""Training the trials that an open sweep has left: one session of Ray, and one Tuner."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial

from ray import tune
from rich.console import Console

from segue.base.text import printable
from segue.plan.sweeps.sweep import Sweep
from segue.tune.cluster.alive import dead_process
from segue.tune.cluster.capacity import autoscales, nodes, workers_at_once
from segue.tune.cluster.gpu_share import with_gpu_share
from segue.tune.cluster.session import ray_session
from segue.tune.deciders import deciders_of
from segue.tune.dispatch.dispatcher import Dispatcher
from segue.tune.dispatch.places import Places
from segue.tune.dispatch.rows import Crew, crew_of, most_rows
from segue.tune.dispatch.study_side import StudySide
from segue.tune.failures import is_disk_full, one_line, space_failure, store_unavailable
from segue.tune.interruption import Interruption
from segue.tune.observers.board import Board
from segue.tune.observers.live_view import LiveView
from segue.tune.observers.notifier import Event, Notifier, ending_of
from segue.tune.observers.watchdog import Watchdog
from segue.tune.open_sweep import OpenSweep
from segue.tune.options.options import Options
from segue.tune.ray_adapter import LoopCallback, TrialObserver, TuneTrial
from segue.tune.run.lease import for_workers
from segue.tune.verdicts import Verdicts
from segue.tune.worker.messages import RUN, WORKER, Replies
from segue.tune.worker.solo import Runner
from segue.tune.worker.worker import make_worker

_SHOWN_COPIES = 5


class Training:
    """The training of an open sweep, which ends when it is done, interrupted or cannot continue.

    `runner` trains one trial in place of Segue's trainer.
    """

    def __init__(
        self, opened: OpenSweep, options: Options, console: Console, runner: Runner | None = None
    ) -> None:
        self._opened = opened
        self._address = options.address
        self._console = console
        self._runner = runner
        self._rows = most_rows(opened.sweep, opened.corners, is_solo=runner is not None)
        self._accept_changes = options.accept_changes
        self._verdicts = Verdicts()
        self._copies = 0  # trials of this run that were not trained
        self._interruption = Interruption(opened.sweep.time_budget_s, self._has_to_end)
        self._board = Board(opened.record, opened.sweep, opened.budget)
        self._notifier = Notifier(options.notify, opened.name, opened.directory.path, self._board)

    @property
    def interrupted_by(self) -> int | None:
        """The number of the signal that ended the training."""
        return self._interruption.by

    @property
    def problem(self) -> str | None:
        """Why the training ended before the sweep was done, in a sentence; None if it did not."""
        if self._verdicts.problem is not None:
            return self._verdicts.problem
        if self._interruption.is_late:
            return "The time for this run is over: run the same command to resume."
        return None

    def run(self) -> None:
        """Train until nothing is left or the run has to end; raise RuntimeError if Tune breaks."""
        with self._notifier.telling(self._ending):
            opened = self._opened
            total = self._board.total
            self._say(
                f"{total - self._board.done} of {total} trials to run, in {opened.directory.shown}"
            )
            if opened.steering.paused_by:
                self._say(
                    f"The sweep is paused ({opened.steering.paused_by}): no trial trains until"
                    f" `segue resume {opened.directory.shown}`."
                )
            with ExitStack() as stack:
                stack.enter_context(ray_session(self._address))
                sweep = with_gpu_share(
                    opened.sweep, opened.corners, nodes(), autoscales(), self._say
                )
                stack.enter_context(self._interruption.listening(self._say))
                view = LiveView(self._board, opened.directory, self._console)
                stack.enter_context(view)
                stack.enter_context(opened.inbox.watching())
                crew = self._crew(sweep)
                if crew.rows > 1:
                    self._say(f"{crew} (--rows).")
                replies = stack.enter_context(Replies(crew.workers))
                self._fit(self._tuner(sweep, view, crew, replies))
                if not self._verdicts.must_end:
                    opened.steering.apply()  # what arrived since the last trial ended

    def _crew(self, sweep: Sweep) -> Crew:
        opened = self._opened
        fitting = workers_at_once(sweep, nodes(), autoscales())
        left = opened.budget.trials - self._board.done
        return crew_of(sweep, self._rows, opened.search, left, fitting)

    def _fit(self, tuner: tune.Tuner) -> None:
        try:
            tuner.fit()
        except Exception as error:
            self._verdicts.space_failed = space_failure(error)
            if self._verdicts.space_failed:
                return
            if is_disk_full(error):
                self._verdicts.out_of_disk = one_line(error)
                return
            unavailable = store_unavailable(error)
            if unavailable:
                self._verdicts.store_unavailable = unavailable
                return
            # Not a ValueError, which refuses a sweep before training.
            raise RuntimeError(
                "The run failed; finished work is stored and can be resumed."
            ) from error

    def _tuner(self, sweep: Sweep, view: LiveView, crew: Crew, replies: Replies) -> tune.Tuner:
        directory = self._opened.directory
        worker = make_worker(
            sweep, for_workers(directory), self._runner, accept_changes=self._accept_changes
        )
        observers = [self._board, view, self._watchdog(sweep), *self._opened.observers]
        dispatcher = self._dispatcher(sweep, observers, crew, replies)
        return tune.Tuner(
            tune.with_resources(worker, dict(sweep.resources)),
            param_space={WORKER: tune.grid_search(list(range(crew.workers))), RUN: replies.run},
            tune_config=tune.TuneConfig(
                scheduler=dispatcher, num_samples=1, trial_dirname_creator=_directory_name
            ),
            run_config=tune.RunConfig(
                name=datetime.now().strftime("%Y%m%d-%H%M%S-%f"),
                storage_path=str(directory.tune.absolute()),
                callbacks=[LoopCallback(partial(self._tick, observers, dispatcher))],
                stop=self._interruption,
                failure_config=tune.FailureConfig(max_failures=-1),  # the dispatcher counts losses
                verbose=0,
            ),
        )

    def _dispatcher(
        self, sweep: Sweep, observers: Sequence[TrialObserver], crew: Crew, replies: Replies
    ) -> Dispatcher:
        """Return what assigns the study's trials to the workers that Tune runs."""
        deciders = deciders_of(
            self._opened,
            sweep,
            self._verdicts,
            on_end=self._ended,
            on_copy=self._copied,
            is_solo=self._runner is not None,
        )
        board = self._board

        def share() -> int:
            return math.ceil(board.unfinished / crew.workers)

        return Dispatcher(
            StudySide(deciders.scheduler, deciders.searcher, observers),
            Places(crew.rows, sweep.retries),
            replies,
            crew.workers,
            self._verdicts,
            self._opened.directory,
            sweep.resources,
            share,
            self._say,
        )

    def _watchdog(self, sweep: Sweep) -> Watchdog:
        notify = partial(self._notifier.send, "stalled")
        steering = self._opened.steering
        return Watchdog(
            sweep.report_timeout_s,
            self._verdicts,
            notify=notify,
            is_paused=lambda: steering.is_paused,
        )

    def _tick(self, observers: Sequence[TrialObserver], dispatcher: Dispatcher) -> None:
        """Look at what people request, and at the trials that run."""
        self._opened.steering.apply()
        running = list(dispatcher.running())
        for observer in observers:
            observer.tick(running)

    def _copied(self, number: int, original: int) -> None:
        """Tell the observers, and the user, about a trial that is not trained."""
        self._ended(number)
        self._copies += 1
        if self._copies <= _SHOWN_COPIES:
            self._say(
                f"Trial {number} repeats the parameters of trial {original}, which would train to"
                " the same result: it is recorded as a copy."
            )
        if self._copies == _SHOWN_COPIES:
            self._say("Further copies are recorded without a message.")

    def _ended(self, number: int) -> None:
        for observer in self._opened.observers:
            observer.ended(number)

    def _has_to_end(self) -> bool:
        """Return whether results cannot be stored, another process has the run, or Ray has died."""
        if not self._verdicts.must_end:
            self._verdicts.store_unavailable = self._opened.lease.lost
            self._verdicts.ray_died = dead_process()
        return self._verdicts.must_end

    def _ending(self) -> tuple[Event, str]:
        late = self._interruption.is_late
        return ending_of(self._board, self.interrupted_by, late, self._verdicts)

    def _say(self, message: str) -> None:
        self._console.print(printable(message), highlight=False, markup=False)


def _directory_name(trial: TuneTrial) -> str:
    return f"worker-{trial.config[WORKER]}-{trial.trial_id}"
