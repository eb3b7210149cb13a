"""What people request of a running sweep, applied in its study."""

from collections.abc import Callable
from typing import Any

from optuna.trial import TrialState

from segue.record.row import ENV_STEPS, STAGE, STAGE_DONE, Row
from segue.record.study.attributes import PAUSED, STOPPED_BY
from segue.record.study.steering import (
    ADD,
    END_STAGE,
    PAUSE,
    RESUME,
    STOP_TRIAL,
    Request,
    origin,
    steered_of,
)
from segue.tune.run.decisions import decide_stage_end_by_person
from segue.tune.run.directory import RunDirectory
from segue.tune.run.requests import Inbox
from segue.tune.study.record import StudyRecord


class Steering:
    """Applies the requests in an inbox to the sweep of a study, each of them once.

    A request is recorded in the transaction of its effect, by its name, and its file is removed
    afterwards. Trials are stopped, and stages ended, at a report of theirs: until then, the request
    remains a file. Used on the thread of Tune's loop. `say` is called with each effect.
    """

    def __init__(
        self,
        record: StudyRecord,
        run: RunDirectory | None = None,
        inbox: Inbox | None = None,
        say: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._record = record
        self._run = run
        self._inbox = inbox
        self._say = say
        self._pending: dict[int, list[Request]] = {}
        self._recorded = record.requests if inbox else set()
        self.is_paused = record.pause_request is not None
        """Whether no trial may train."""
        self._restore_stage_ends()
        self.apply()

    @property
    def is_open(self) -> bool:
        """Whether people can make requests."""
        return self._inbox is not None

    @property
    def paused_by(self) -> str | None:
        """Who paused the sweep, and when; None of one that is not paused."""
        known = self._record.pause_request
        return origin(known["by"], known["at"]) if known else None

    def apply(self) -> None:
        """Apply the requests that have arrived, as far as they do not wait for a report."""
        if self._inbox is None:
            return
        for request in self._inbox.take():
            if request.name in self._recorded:
                self._inbox.remove(request)
            else:
                self._begin(request)
        if self._pending:
            self._end_pending()

    def stop_reason(self, number: int) -> str | None:
        """Return why a person stops a trial at its report, or None."""
        request = self._first(number, STOP_TRIAL)
        return f"Stopped by {request.origin}." if request else None

    def of_stop(self, number: int, reason: str) -> dict[str, Any]:
        """Return the attributes that record the request by which a trial is stopped.

        There are none where something else has stopped it, as the `reason` says.
        """
        request = self._first(number, STOP_TRIAL)
        if request is None or reason != self.stop_reason(number):
            return {}
        return self._record.steered_by(number, request.recorded())

    def is_repeated(self, number: int, row: Row) -> bool:
        """Return whether a report repeats the last one of a trial that was resumed."""
        return bool(self._record.trial(number).last_step == row[ENV_STEPS])

    def end_stage(self, number: int, row: Row) -> None:
        """End the stage of a trial at its report, if a person has requested it."""
        request = self._first(number, END_STAGE)
        if request is None or self._run is None or request.stage is None:
            return
        if row[STAGE] > request.stage or (row[STAGE] == request.stage and row[STAGE_DONE]):
            self._take(request)
            self._refuse(request, "the stage had ended already")
        elif row[STAGE] == request.stage:
            self._take(request)
            entry = request.recorded(**{STAGE: request.stage, ENV_STEPS: row[ENV_STEPS]})
            reason = f"Ended by {request.origin}."
            attributes = self._record.steered_by(number, entry)
            self._record.record_stage_end(number, request.stage, reason, attributes)
            path = self._run.decisions(number)
            decide_stage_end_by_person(path, request.stage, row[ENV_STEPS], reason)
            self._run.share()
            self._applied(request, f"stage {request.stage + 1} of trial {number} ends")

    def pause(self, number: int, row: Row, value: float) -> bool:
        """Record that a trial continues after its report, and return True, if the sweep is paused.

        The trial is then ended in Tune, and resumed from its checkpoint later.
        """
        if self.is_paused:
            self._record.report(number, row[ENV_STEPS], value)
        return self.is_paused

    def is_paused_trial(self, number: int) -> bool:
        """Return whether a trial was ended in Tune by `pause`, and by nothing else."""
        is_running = number in self._record.numbers(TrialState.RUNNING)
        return is_running and not self._record.is_paused(number)

    def _begin(self, request: Request) -> None:
        if request.action in (PAUSE, RESUME):
            self._record.steer(request.recorded())
            self.is_paused = request.action == PAUSE
            effect = "paused: no trial trains" if self.is_paused else "resumed"
            self._applied(request, f"the sweep is {effect}")
        elif request.action == ADD:
            self._add(request)
        else:
            self._begin_on_trial(request)

    def _add(self, request: Request) -> None:
        try:
            number = self._record.add(request.parameters, request.recorded())
        except (ValueError, KeyError) as error:
            self._refuse(request, f"its values are not in the space: {error}")
            return
        self._applied(request, f"trial {number} is added")

    def _begin_on_trial(self, request: Request) -> None:
        trials = {trial.number: trial for trial in self._record.trials}
        number = -1 if request.trial is None else request.trial
        if number not in trials:
            self._refuse(request, "there is no such trial")
        elif trials[number].state == TrialState.WAITING:
            self._refuse(request, "the trial had not started")
        elif request.action == STOP_TRIAL and self._record.is_paused(number):
            mark = trials[number].user_attrs[PAUSED]
            attributes = self._record.steered_by(number, request.recorded())
            attributes[STOPPED_BY] = f"Stopped by {request.origin}."
            self._record.stop(number, mark["step"], mark["value"], attributes)
            self._applied(request, f"trial {number} is stopped")
        else:
            self._pending.setdefault(number, []).append(request)

    def _end_pending(self) -> None:
        """Remove the requests to trials that have ended."""
        for number in list(self._pending):
            trial = self._record.trial(number)
            if trial.state == TrialState.RUNNING:
                continue
            recorded = {each["request"] for each in steered_of(trial)}
            for request in self._pending.pop(number):
                if request.name in recorded:
                    self._applied(request, f"trial {number} is stopped")
                else:
                    self._refuse(request, "the trial had ended already")

    def _first(self, number: int, action: str) -> Request | None:
        requests = self._pending.get(number, [])
        return next((each for each in requests if each.action == action), None)

    def _take(self, request: Request) -> None:
        assert request.trial is not None
        self._pending[request.trial].remove(request)
        if not self._pending[request.trial]:
            del self._pending[request.trial]

    def _refuse(self, request: Request, problem: str) -> None:
        """Record that a request has no effect."""
        more = {} if request.stage is None else {STAGE: request.stage}
        self._record.steer(request.recorded(problem=problem, **more))
        trial = "" if request.trial is None else f" trial {request.trial}"
        action = request.action.replace("_", " ")
        self._applied(request, f"the request ({action}{trial}) has no effect, since {problem}")

    def _applied(self, request: Request, effect: str) -> None:
        self._recorded.add(request.name)
        self._say(f"{request.by}: {effect}.")
        if self._inbox:
            self._inbox.remove(request)

    def _restore_stage_ends(self) -> None:
        """Write the decisions of requests after whose record in the study the driver was killed."""
        if self._run is None:
            return
        for number in self._record.numbers(TrialState.RUNNING):
            for entry in steered_of(self._record.trial(number)):
                if entry["action"] == END_STAGE and {STAGE, ENV_STEPS} <= entry.keys():
                    by = f"Ended by {origin(entry['by'], entry['at'])}."
                    path = self._run.decisions(number)
                    decide_stage_end_by_person(path, entry[STAGE], entry[ENV_STEPS], by)
