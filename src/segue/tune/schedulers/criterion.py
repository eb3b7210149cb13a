"""Criteria of stages as parts of Ray Tune: a Stopper, and a scheduler around another."""

import json
from collections.abc import Mapping
from copy import deepcopy
from numbers import Real
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from segue.base.files import write_atomic
from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.tracker import ScalarMeanTracker
from segue.record.row import ENV_STEPS, EVALUATION, STAGE_STEPS, Row
from segue.tune.ray_adapter import RayFIFOScheduler, RayStopper, TuneController, TuneTrial


def tracker_of(result: Mapping[str, Any]) -> ScalarMeanTracker:
    """The numbers of a report as a tracker, those of its dictionary `evaluation` under their own
    names.
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
                f"This takes an EarlyStoppingCriterion (an object, not a class), got {criterion!r}."
            )
        self.criterion = criterion
        self.copies = dict[str, EarlyStoppingCriterion]()

    def says_stop(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Whether the trial's own copy does, at this report."""
        own = self.copies.setdefault(trial_id, deepcopy(self.criterion))
        total = result.get(ENV_STEPS, result.get("training_iteration", 0))
        return own(result.get(STAGE_STEPS, total), total, tracker_of(result))


class CriterionStopper(RayStopper):
    """Stops each trial under Tune whose reports satisfy a criterion;
    `RunConfig(stop=CriterionStopper(...))`.

    The criterion is called with `stage_steps` and `env_steps` of the report (without them:
    `training_iteration`) and with a tracker of its numbers. With `path` the criteria's states are
    kept in that file, and taken up from there. Raises ValueError for a file that holds something
    else.
    """

    def __init__(self, criterion: EarlyStoppingCriterion, path: Path | None = None) -> None:
        self._each = _OneEach(criterion)
        self._path = path
        if path is not None and path.exists():
            try:
                self.load_state_dict(json.loads(path.read_text()))
            except (ValueError, AttributeError) as error:
                raise ValueError(
                    f"{path} does not hold the states of {type(criterion).__name__} ({error})."
                ) from error

    def __call__(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Whether this report satisfies the trial's criterion."""
        said = self._each.says_stop(trial_id, result)
        if self._path is not None:
            write_atomic(self._path, json.dumps(self.state_dict()))
        return said

    def stop_all(self) -> bool:
        """Whether to stop all trials: never."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """The criterion's state of each trial."""
        return {trial: criterion.state_dict() for trial, criterion in self._each.copies.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a `state_dict`. Raises ValueError when it is none."""
        for trial, own in state.items():
            self._each.copies[trial] = deepcopy(self._each.criterion)
            self._each.copies[trial].load_state_dict(own)


class CriterionScheduler(RayFIFOScheduler):
    """Stops a trial whose reports satisfy a criterion; otherwise `inner` decides, where there is
    one.

    In a sweep the criterion's state is that of an uninterrupted run, also when the sweep is
    continued: it is shown the reports so far. The study says which criterion stopped a trial.
    """

    def __init__(
        self, criterion: EarlyStoppingCriterion, inner: TrialScheduler | None = None
    ) -> None:
        super().__init__()
        self._each = _OneEach(criterion)
        self._inner = inner or FIFOScheduler()
        self._reasons: dict[str, str] = {}

    @property
    def inner(self) -> TrialScheduler:
        """The scheduler that decides where the criterion does not."""
        return self._inner

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: object) -> bool:
        """Pass the run's metric and mode on."""
        super().set_search_properties(metric, mode, **spec)
        return bool(self._inner.set_search_properties(metric, mode, **spec))

    def on_trial_add(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Tell the inner scheduler."""
        self._inner.on_trial_add(tune_controller, trial)

    def on_trial_result(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> str:
        """STOP where the criterion is satisfied, else what the inner scheduler says."""
        said = self._inner.on_trial_result(tune_controller, trial, result)
        if not self._each.says_stop(trial.trial_id, result):
            return str(said)
        self._reasons[trial.trial_id] = f"{self._each.criterion!r} is satisfied"
        return str(TrialScheduler.STOP)

    def on_trial_complete(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> None:
        """Tell the inner scheduler."""
        self._inner.on_trial_complete(tune_controller, trial, result)

    def on_trial_error(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Tell the inner scheduler."""
        self._inner.on_trial_error(tune_controller, trial)

    def on_trial_remove(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Tell the inner scheduler."""
        self._inner.on_trial_remove(tune_controller, trial)

    def reason(self, trial_id: str) -> str:
        """Why a trial was stopped."""
        if trial_id in self._reasons:
            return self._reasons[trial_id]
        own = getattr(self._inner, "reason", None)
        return own(trial_id) if own else type(self._inner).__name__
