"""Trials that hang are killed, and tried again from their checkpoints; a sweep that says nothing at
all is told.
"""

import time
from collections.abc import Callable
from typing import Any, Literal

import ray
from ray.tune import Callback

from segue.tune.verdicts import Verdicts

Timeout = float | Literal["auto"] | None
_LEAST, _FACTOR = (
    3600.0,
    10.0,
)  # "auto": seconds, and times the longest silence that ended with a report


class Watchdog(Callback):  # type: ignore[misc]  # Ray has no types
    """Kills the worker of a trial that has reported nothing for `timeout` seconds; Tune then starts
    the trial again.

    "auto": an hour, or ten times the longest silence that a trial of this run broke, if that is
    longer. None: never. `tell` hears of each kill, and of a time in which no trial has started or
    reported for so long (with "auto" for an hour where that cannot be said yet): there may be no
    machine to run one.
    """

    def __init__(
        self,
        timeout: Timeout,
        verdicts: Verdicts,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = lambda said: None,
    ) -> None:
        self._timeout, self._verdicts, self._clock, self._tell = timeout, verdicts, clock, tell
        self._heard: dict[str, float] = {}
        self._longest: float | None = None
        self._heard_any: float | None = clock()  # None once the silence was told

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its parts when it starts, and never reads them back.
        return {}

    @property
    def limit(self) -> float | None:
        """Seconds of silence after which a trial is killed; None where that cannot be said."""
        if self._timeout != "auto":
            return self._timeout
        return None if self._longest is None else max(_LEAST, _FACTOR * self._longest)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial starts, or starts again."""
        self._heard[trial.trial_id] = self._heard_any = self._clock()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A trial reports."""
        now = self._clock()
        silent = now - self._heard.get(trial.trial_id, now)
        self._longest = max(silent, self._longest or 0.0)
        self._verdicts.hung.pop(
            trial.config["trial"], None
        )  # it goes on: whatever it may fail of is something else
        self._heard[trial.trial_id] = self._heard_any = now

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has ended."""
        self._heard.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial's worker was lost too often."""
        self._heard.pop(trial.trial_id, None)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune's loop went round: look at every running trial."""
        limit, now = self.limit, self._clock()
        if limit is not None:
            for trial in trials:
                if trial.status == "RUNNING" and now - self._heard.get(trial.trial_id, now) > limit:
                    self._kill(trial, limit)
        silence = limit or (_LEAST if self._timeout == "auto" else None)
        if silence is not None and self._heard_any is not None and now - self._heard_any > silence:
            self._heard_any = None
            self._tell(f"No trial has started or reported for {silence:,.0f} s.")

    def _kill(self, trial: Any, limit: float) -> None:
        actor = trial.temporary_state.ray_actor
        if actor is not None:
            number = trial.config["trial"]
            self._verdicts.hung[number] = f"It reported nothing for {limit:,.0f} s."
            self._heard[trial.trial_id] = self._clock()
            self._heard_any = None  # one notice of it is enough
            ray.kill(actor)
            self._tell(
                f"Trial {number} reported nothing for {limit:,.0f} s; it is killed and tried again."
            )
