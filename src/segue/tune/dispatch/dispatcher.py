"""For Tune, the dispatcher schedules workers; the trials of the study are assigned to them."""

from collections.abc import Callable, Iterator, Mapping

from ray.tune.schedulers import TrialScheduler

from segue.base.text import plural
from segue.record.row import Row
from segue.tune.dispatch.gpu_growth import Shares
from segue.tune.dispatch.places import Places
from segue.tune.dispatch.study_side import AssignedTrial, StudySide
from segue.tune.ray_adapter import RunningTrial, TuneController, TuneTrial, WorkerScheduler
from segue.tune.run.directory import RunDirectory
from segue.tune.verdicts import OUT_OF_MEMORY, Verdicts, has_failed
from segue.tune.worker.messages import WORKER, Assignment, Message, Replies, Reply

SHARED = ("prefix", "saved_after")
_STARTS = 3  # of a worker that ends each time before it trains


class Dispatcher(WorkerScheduler):
    """Assigns the trials of a study to so many workers, and replies to their messages.

    `share` returns how many trials a worker trains at most for all to have about as many.
    """

    def __init__(
        self,
        study: StudySide,
        places: Places,
        replies: Replies,
        workers: int,
        verdicts: Verdicts,
        run: RunDirectory,
        resources: Mapping[str, float],
        share: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._study = study
        self._places = places
        self._replies = replies
        self._verdicts = verdicts
        self._run = run
        self._shares = Shares(resources)
        self._share = share
        self._say = say
        self._many = workers
        self._workers: dict[int, TuneTrial] = {}
        self._never_started: set[int] = set()
        self._restarts: set[int] = set()  # workers that end on purpose, to be started again
        self._starting: set[int] = set()  # those of them that have ended
        self._idle_losses = 0

    def on_trial_result(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> str:
        """Process a worker's message, reply, and return CONTINUE."""
        worker = int(trial.config[WORKER])
        message = Message.of(result)
        self._workers[worker] = trial
        self._idle_losses = 0
        reply = Reply()
        if message.out_of_memory:
            self._halve(worker, message.out_of_memory)
        else:
            self._answer(tune_controller, worker, message, reply)
        self._replies.post(worker, message, reply)
        if self._is_over:
            self._stop_pending(tune_controller)
        return str(TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Let the trials of a lost worker wait for a place at any worker."""
        worker = int(trial.config[WORKER])
        if worker in self._restarts:
            self._restarts.remove(worker)
            self._starting.add(worker)
            return
        if not self._places.at(worker):
            self._count_idle_loss(worker, trial)
        for one in self._places.at(worker).values():
            one.error = trial.get_error()
        resumed, failed = self._places.lose(worker)
        for one in resumed:
            self._study.lost(tune_controller, one, for_good=False)
        for one in failed:
            self._study.lost(tune_controller, one, for_good=True)

    def on_trial_add(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Do nothing: a worker that starts sends a message."""

    def on_trial_complete(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> None:
        """Do nothing: a worker ends when it has no trials."""

    def on_trial_remove(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Do nothing: a worker that never started has no trials."""

    def choose_trial_to_run(self, tune_controller: TuneController) -> TuneTrial | None:
        """Return the next worker to start, with the share of the GPU that it needs."""
        self._shares.apply(tune_controller)
        chosen: TuneTrial | None = super().choose_trial_to_run(tune_controller)
        return chosen

    def running(self) -> Iterator[RunningTrial]:
        """Return the trials at workers that run, with the actor of their worker."""
        for worker, trial in self._workers.items():
            actor = trial.temporary_state.ray_actor if trial.status == "RUNNING" else None
            if actor is not None and worker not in self._starting:
                yield from (RunningTrial(number, actor) for number in self._places.at(worker))

    @property
    def _is_over(self) -> bool:
        """Whether no trial is left for a worker that starts."""
        return self._study.is_finished and not self._places.are_waiting

    def _answer(
        self, controller: TuneController, worker: int, message: Message, reply: Reply
    ) -> None:
        here = self._places.at(worker)
        if message.is_new:
            self._starting.discard(worker)
            for left in here.values():  # for a larger share of the GPU
                self._study.start(controller, left)
                reply.begin.append(_start(left))
        for number, row in message.reports:
            one = here.get(number)
            if one is None:
                reply.stop.append(number)
            elif row.get(OUT_OF_MEMORY) and self._shares.grow(worker):
                self._restarts.add(worker)
                self._study.restart(one, row)
            elif self._study.report(controller, one, row):
                self._places.remove(worker, number)
                reply.stop.append(number)
            elif not has_failed(row) and self._run.decisions(number).exists():
                reply.decided.append(number)
        if worker not in self._restarts:
            reply.begin += self._assign(controller, worker)
        reply.finished = not here and (self._is_over or self._is_in_the_way())

    def _is_in_the_way(self) -> bool:
        """Return whether a worker without trials holds what one with trials needs to start."""
        return any(
            trial.status == trial.PENDING and self._places.at(worker)
            for worker, trial in self._workers.items()
        )

    def _assign(self, controller: TuneController, worker: int) -> Iterator[Assignment]:
        """Give a worker as many trials as it has places, those that wait first."""
        while not self._verdicts.must_end and self._places.has_room(worker, self._share()):
            one = self._places.next_waiting(worker) or self._study.next()
            if one is None:
                return
            self._places.place(worker, one)
            self._study.start(controller, one)
            yield _start(one)

    def _halve(self, worker: int, cause: str) -> None:
        many = len(self._places.at(worker))
        self._places.halve(worker)
        self._restarts.add(worker)
        self._say(
            f"The GPU's memory is too small for {plural(many, 'trial')} side by side ({cause}):"
            f" this worker continues with {self._places.rows(worker)}."
        )

    def _stop_pending(self, controller: TuneController) -> None:
        """Stop workers that have not started, and for which there is nothing to train."""
        for trial in list(controller.get_live_trials()):
            has_trials = self._places.at(int(trial.config[WORKER]))
            if trial.status == trial.PENDING and not has_trials:
                controller.stop_trial(trial)

    def _count_idle_loss(self, worker: int, trial: TuneTrial) -> None:
        """Raise RuntimeError if no worker can be started, or if they end before they train.

        Tune does not start a worker again that was lost before its process ran.
        """
        self._idle_losses += 1
        if trial.status == trial.PENDING:
            self._never_started.add(worker)
        if self._idle_losses > _STARTS or len(self._never_started) == self._many:
            raise RuntimeError(f"Workers cannot be started: {trial.get_error()}")


def _start(one: AssignedTrial) -> Assignment:
    shared = {name: one.config[name] for name in SHARED if name in one.config}
    return Assignment(one.number, one.config["recorded"], **shared)
