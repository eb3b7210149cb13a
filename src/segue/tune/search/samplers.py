"""Optuna's samplers by name, with a separate random stream for each trial."""

import importlib.util
import warnings
from collections.abc import Callable, Mapping

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import Study

from segue.worlds.seeds import stream

_NEEDS: Mapping[str, str] = {"cmaes": "cmaes"}
PICKLED = "cma:optimizer"
"""Prefix of the attributes into which Optuna pickles a sampler's state. They are not stored, since
nothing that is read from a study may be unpickled."""


class NumberedQMC(QMCSampler):
    """A quasi-random sampler that gives trial k of the study the k-th point of the sequence.

    The points do not depend on how often a sweep is resumed.
    """

    def __init__(self, seed: int, number: int, independent: BaseSampler) -> None:
        super().__init__(
            scramble=True,
            seed=seed,
            independent_sampler=independent,
            warn_independent_sampling=False,
        )
        self._number = number

    # The hook is not public; a test fails if Optuna changes it.
    def _find_sample_id(self, study: Study, search_space: Mapping[str, BaseDistribution]) -> int:
        return self._number


def sampler_for(search: str, seed: int, number: int) -> BaseSampler:
    """Return the sampler of that name for trial `number`.

    Each trial has its own random stream, so that a resumed sweep proposes what an uninterrupted one
    would have proposed. Only CMA-ES has a state, and it is not stored: a resumed sweep fits it
    again to the generations so far, once per trial.
    """
    own = int(stream(seed, "search", number).generate_state(1)[0])
    with warnings.catch_warnings():
        # Raised by QMC and by TPE's groups, whose interfaces have not changed so far.
        warnings.simplefilter("ignore", ExperimentalWarning)
        if search == "qmc":
            return NumberedQMC(
                int(stream(seed, "search").generate_state(1)[0]), number, RandomSampler(seed=own)
            )
        return _SAMPLERS[search](own)


def check_sampler(search: str) -> None:
    """Raise ValueError if a package that the sampler needs is not installed."""
    package = _NEEDS.get(search)
    if package is not None and importlib.util.find_spec(package) is None:
        raise ValueError(
            f"The search {search!r} needs the package {package}: run `pip install 'segue[search]'`."
        )


_SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    # Groups: parameters that are suggested together are modelled together, in each branch of a
    # conditional space.
    "tpe": lambda seed: TPESampler(seed=seed, multivariate=True, group=True),
    "random": lambda seed: RandomSampler(seed=seed),
    "freeze_thaw": lambda seed: RandomSampler(seed=seed),  # of sweeps that are too small for it
    "gp": lambda seed: GPSampler(seed=seed, warn_independent_sampling=False),
    "cmaes": lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "nsga2": lambda seed: NSGAIISampler(seed=seed),
}
