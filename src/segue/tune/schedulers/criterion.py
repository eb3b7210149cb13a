"""Stopping criteria as parts of Ray Tune: a Stopper, and a scheduler that wraps another one."""

import json
from collections.abc import Mapping
from copy import deepcopy
from numbers import Real
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from segue.base.files import write_atomic
from segue.base.strict_json import restore_numbers, to_json
from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.tracker import ScalarMeanTracker
from segue.record.row import ENV_STEPS, EVALUATION, STAGE_STEPS, Row
from segue.tune.ray_adapter import RayFIFOScheduler, RayStopper, TuneController, TuneTrial
from segue.tune.schedulers.reasons import reason_of


def tracker_of(result: Mapping[str, Any]) -> ScalarMeanTracker:
    """Return a tracker of the numbers in a report.

    Those of its dictionary `evaluation` are tracked under their own names.
    """
    tracker = ScalarMeanTracker()
    for name, value in {**result, **result.get(EVALUATION, {})}.items():
        if isinstance(value, Real) and not isinstance(value, bool):
            tracker.add_scalars({name: float(value)})
    return tracker


class _OneEach:
    """A copy of a criterion for each trial."""

    def __init__(self, criterion: EarlyStoppingCriterion) -> None:
        if not isinstance(criterion, EarlyStoppingCriterion):
            raise TypeError(
                f"criterion must be an EarlyStoppingCriterion (an object), got {criterion!r}."
            )
        self.criterion = criterion
        self.copies: dict[str, EarlyStoppingCriterion] = {}

    def is_satisfied(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Return whether the trial's copy of the criterion is satisfied by this report."""
        own = self.copies.setdefault(trial_id, deepcopy(self.criterion))
        total = result.get(ENV_STEPS, result.get("training_iteration", 0))
        return own(result.get(STAGE_STEPS, total), total, tracker_of(result))


class CriterionStopper(RayStopper):
    """Stops each trial under Tune whose reports satisfy a criterion.

    Use it as `RunConfig(stop=CriterionStopper(...))`. The criterion is called with `stage_steps`
    and `env_steps` of the report (or with `training_iteration` if they are missing), and with a
    tracker of its numbers. With `path`, the states of the criteria are stored in that file and
    restored from it. Raises ValueError for a file that holds something else.
    """

    def __init__(self, criterion: EarlyStoppingCriterion, path: Path | None = None) -> None:
        self._each = _OneEach(criterion)
        self._path = path
        if path is not None and path.exists():
            try:
                self.load_state_dict(restore_numbers(json.loads(path.read_text())))
            except (ValueError, AttributeError) as error:
                raise ValueError(
                    f"{path} does not hold the states of {type(criterion).__name__} ({error})."
                ) from error

    def __call__(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Return whether this report satisfies the trial's criterion."""
        is_satisfied = self._each.is_satisfied(trial_id, result)
        if self._path is not None:
            write_atomic(self._path, to_json(self.state_dict()))
        return is_satisfied

    def stop_all(self) -> bool:
        """Return False: trials are only stopped one by one."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each trial's criterion."""
        return {trial: criterion.state_dict() for trial, criterion in self._each.copies.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`. Raises ValueError for anything else."""
        for trial, own in state.items():
            self._each.copies[trial] = deepcopy(self._each.criterion)
            self._each.copies[trial].load_state_dict(own)


class CriterionScheduler(RayFIFOScheduler):
    """Stops a trial whose reports satisfy a criterion; otherwise, an inner scheduler decides.

    When a sweep is resumed, the reports so far are passed to the criterion again, so that its state
    is that of an uninterrupted run. The study records which criterion stopped a trial.
    """

    def __init__(
        self, criterion: EarlyStoppingCriterion, inner: TrialScheduler | None = None
    ) -> None:
        super().__init__()
        self._each = _OneEach(criterion)
        self._inner = inner or FIFOScheduler()
        self._reasons: dict[str, str] = {}

    @property
    def criterion(self) -> EarlyStoppingCriterion:
        """The criterion that stops trials."""
        return self._each.criterion

    @property
    def inner(self) -> TrialScheduler:
        """The scheduler that decides where the criterion does not."""
        return self._inner

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: object) -> bool:
        """Pass the run's metric and mode on."""
        super().set_search_properties(metric, mode, **spec)
        return bool(self._inner.set_search_properties(metric, mode, **spec))

    def on_trial_add(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Forward to the inner scheduler."""
        self._inner.on_trial_add(tune_controller, trial)

    def on_trial_result(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> str:
        """Return STOP if the criterion is satisfied, else the inner scheduler's decision."""
        decision = self._inner.on_trial_result(tune_controller, trial, result)
        if not self._each.is_satisfied(trial.trial_id, result):
            if decision == TrialScheduler.STOP:
                metric = str(self._metric)
                self._reasons[trial.trial_id] = reason_of(self._inner, trial, metric, result)
            return str(decision)
        self._reasons[trial.trial_id] = f"{self._each.criterion!r} is satisfied"
        return str(TrialScheduler.STOP)

    def follow(self, trial_id: str, result: Row) -> None:
        """Let the criterion of a trial process a report at which the trial cannot be stopped."""
        self._each.is_satisfied(trial_id, result)

    def on_trial_complete(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> None:
        """Forward to the inner scheduler."""
        self._inner.on_trial_complete(tune_controller, trial, result)

    def on_trial_error(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Forward to the inner scheduler."""
        self._inner.on_trial_error(tune_controller, trial)

    def on_trial_remove(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Forward to the inner scheduler."""
        self._inner.on_trial_remove(tune_controller, trial)

    def reason(self, trial_id: str) -> str:
        """Return why a trial was stopped."""
        return self._reasons[trial_id]
