"""Trials that hang are killed, and tried again from their checkpoints."""

import time
from collections.abc import Callable
from typing import Any, Literal

import ray
from ray.tune import Callback

from segue.tune.verdicts import Verdicts

Timeout = float | Literal["auto"] | None
_LEAST, _FACTOR = 3600.0, 10.0  # "auto": seconds, and times the longest silence that ended with a report


class Watchdog(Callback):  # type: ignore[misc]  # Ray has no types
    """Kills the worker of a trial that has reported nothing for `timeout` seconds; Tune then starts the trial again.

    "auto": an hour, or ten times the longest silence that a trial of this run broke, if that is longer. None: never.
    """

    def __init__(self, timeout: Timeout, verdicts: Verdicts, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout, self._verdicts, self._clock = timeout, verdicts, clock
        self._heard: dict[str, float] = {}
        self._longest: float | None = None

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
        self._heard[trial.trial_id] = self._clock()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A trial reports."""
        now = self._clock()
        silent = now - self._heard.get(trial.trial_id, now)
        self._longest = max(silent, self._longest or 0.0)
        self._verdicts.hung.pop(trial.config["trial"], None)  # it goes on: whatever it may fail of is something else
        self._heard[trial.trial_id] = now

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has ended."""
        self._heard.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial's worker was lost too often."""
        self._heard.pop(trial.trial_id, None)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune's loop went round: look at every running trial."""
        limit = self.limit
        if limit is None:
            return
        for trial in trials:
            if trial.status == "RUNNING" and self._clock() - self._heard.get(trial.trial_id, self._clock()) > limit:
                self._kill(trial, limit)

    def _kill(self, trial: Any, limit: float) -> None:
        actor = trial.temporary_state.ray_actor
        if actor is not None:
            self._verdicts.hung[trial.config["trial"]] = f"It reported nothing for {limit:,.0f} s."
            self._heard[trial.trial_id] = self._clock()
            ray.kill(actor)
