"""Asynchronous HyperBand with reproducible brackets."""

import numpy as np

from segue.tune.ray_adapter import RayAsyncHyperBand, TuneController, TuneTrial
from segue.worlds.seeds import stream


class NumberedHyperBand(RayAsyncHyperBand):
    """Asynchronous HyperBand (Li et al., 2018, 2020) with brackets drawn by trial number.

    A trial in a later bracket is compared for the first time after more steps. Ray draws brackets
    from a random stream that all trials share, so that a resumed sweep would draw others; here,
    trial k of a sweep has the same bracket in every run.
    """

    def __init__(self, seed: int, time_attr: str, **given: object) -> None:
        super().__init__(time_attr, stop_last_trials=False, **given)
        self._seed = seed

    def on_trial_add(self, tune_controller: TuneController, trial: TuneTrial) -> None:
        """Give the trial a bracket: larger ones, with more rungs, are likelier, as in Ray's own."""
        rungs = np.array([len(bracket._rungs) for bracket in self._brackets])
        odds = np.exp(rungs - rungs.max())
        draw = np.random.default_rng(stream(self._seed, "bracket", trial.trial_id))
        chosen = int(draw.choice(len(rungs), p=odds / odds.sum()))
        self._trial_info[trial.trial_id] = self._brackets[chosen]
