"""The searches that `replay.py` compares, with the very objects that live sweeps use."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState, create_trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from segue.tune.schedulers.rules.stage_asha import StageASHA
from segue.tune.search.freeze_thaw.choice import PROPOSALS, choose
from segue.tune.search.freeze_thaw.curve import Curve, Proposal, Status
from segue.tune.search.freeze_thaw.points import unit_vectors
from segue.tune.search.samplers import sampler_for
from segue.tune.study.storage import StudyCopy

if TYPE_CHECKING:
    from replay import Play
    from replay_tables import Pool

ARMS = ("random", "ray_asha", "stage_asha", "tpe", "freeze_thaw")
FACTOR = 3


class Arm:
    """Random search under a scheduler, which stops nothing by default."""

    def __init__(self, scheduler: TrialScheduler | None = None) -> None:
        self._scheduler = scheduler or FIFOScheduler()

    def ask(self, play: Play, last: int | None) -> int | None:
        """Return what a free worker trains up to its next report, or None if nothing fits.

        `last` is the configuration that has just reported on this worker, if any.
        """
        if last is not None and not self._is_stopped(play, last):
            return last
        number = self.begin(play)
        if number is not None:
            self._scheduler.on_trial_add(None, SimpleNamespace(trial_id=str(number)))
        return number

    def begin(self, play: Play) -> int | None:
        """Return a configuration that has not begun, or None if none fits."""
        found = next((each for each in play.order if not play.has_begun(each)), None)
        return found if found is not None and play.fits(found) else None

    def _is_stopped(self, play: Play, number: int) -> bool:
        trial = SimpleNamespace(trial_id=str(number))
        row = play.report(number)
        decision = self._scheduler.on_trial_result(None, trial, row)
        if decision != TrialScheduler.STOP and not play.has_ended(number):
            return False
        self._scheduler.on_trial_complete(None, trial, row)
        return True


class TPEArm(Arm):
    """Optuna's TPE: of those that are left, the configuration next to what it proposes."""

    def __init__(self, pool: Pool, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._points = [each.point for each in pool.configurations]
        self._X = unit_vectors(self._points)
        self._distributions = {
            name: kind for point in self._points for name, kind in point.distributions.items()
        }
        self._study = StudyCopy(InMemoryStorage(), "replay", ["max"])
        self._numbers: dict[int, int] = {}  # by configuration

    def ask(self, play: Play, last: int | None) -> int | None:
        """Tell the study how a trial ended, and continue as without a model."""
        if last is not None and play.has_ended(last):
            value = play.report(last)["reward"]
            is_finite = bool(np.isfinite(value))
            state = TrialState.COMPLETE if is_finite else TrialState.FAIL
            self._study.set_state(self._numbers[last], state, [value] if is_finite else None)
        return super().ask(play, last)

    def begin(self, play: Play) -> int | None:
        """Return the configuration that is nearest to the sampler's proposal."""
        left = [each for each in play.order if not play.has_begun(each) and play.fits(each)]
        if not left:
            return None
        study = self._study.study
        study.sampler = sampler_for("tpe", self._seed, len(self._numbers))
        distributions = self._distributions
        asked = study.ask(distributions)
        study.tell(asked, state=TrialState.FAIL)  # it is not trained as proposed
        proposed = unit_vectors([Proposal(asked.params, distributions), *self._points])
        distance = ((proposed[1:] - proposed[0]) ** 2).sum(axis=1)
        nearest = min(left, key=lambda each: float(distance[each]))
        self._numbers[nearest] = len(study.trials)
        parameters = dict(self._points[nearest].parameters)
        study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=parameters,
                distributions=dict(self._points[nearest].distributions),
            )
        )
        return nearest


class FreezeThawArm(Arm):
    """Freeze-thaw search over the configurations of a pool."""

    def __init__(self) -> None:
        super().__init__()
        self._curves: dict[int, Curve] = {}

    def ask(self, play: Play, last: int | None) -> int | None:
        """Return the configuration that the search chooses, paused or new."""
        left = [each for each in play.order if not play.has_begun(each)]
        drawn = play.draw.sample(left, min(len(left), PROPOSALS))
        chosen = choose(
            [self._curve(play, number) for number in play.begun],
            [play.pool.configurations[each].point for each in drawn],
            play.room,
            play.pool.full,
            last,
        )
        if chosen is None:
            return None
        return chosen.number if chosen.proposal is None else drawn[chosen.proposal]

    def _curve(self, play: Play, number: int) -> Curve:
        found = self._curves.get(number)
        reports = play.reports[number]
        status = Status.ENDED if play.has_ended(number) else Status.PAUSED
        if number in play.running:
            status = Status.RUNNING
        if found is None or len(found.steps) != reports or found.status != status:
            one = play.pool.configurations[number]
            found = Curve(
                one.point.parameters,
                one.point.distributions,
                number,
                tuple(map(float, one.steps[:reports])),
                one.rewards[play.seeds[number]][:reports],
                one.stage_ends,
                status,
            )
            self._curves[number] = found
        return found


def make_arm(name: str, pool: Pool, seed: int) -> Arm:
    """Return a new arm by its name."""
    if name == "tpe":
        return TPEArm(pool, seed)
    if name == "freeze_thaw":
        return FreezeThawArm()
    if name == "stage_asha":
        # In a second stage the first checkpoint is at any distance from its start: three quarters
        # of an interval include most of them.
        return Arm(StageASHA(max(pool.first * 3 // 4, 1), FACTOR, metric="reward", mode="max"))
    if name == "ray_asha":
        return Arm(
            ASHAScheduler(
                "env_steps",
                "reward",
                "max",
                pool.full,
                pool.first,
                FACTOR,
                brackets=1,
                stop_last_trials=False,
            )
        )
    return Arm()
