"""Optuna's samplers by name, each trial with a stream of its own."""

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

_NEEDS: Mapping[str, str] = {"cmaes": "cmaes", "gp": "scipy", "qmc": "scipy"}
NOT_KEPT = (  # what Optuna pickles into a trial: nothing that is read from a study may be unpickled
    "cma:optimizer"
)


class NumberedQMC(QMCSampler):
    """A quasi-random sequence of which trial k of the study is point k, however often a sweep is
    continued.
    """

    def __init__(self, seed: int, number: int, independent: BaseSampler) -> None:
        super().__init__(
            scramble=True,
            seed=seed,
            independent_sampler=independent,
            warn_independent_sampling=False,
        )
        self._number = number

    # The hook is not public; tests hold it.
    def _find_sample_id(self, study: Study, search_space: Mapping[str, BaseDistribution]) -> int:
        return self._number


def sampler_for(search: str, seed: int, number: int) -> BaseSampler:
    """The sampler of that name for trial `number`.

    Each trial has a stream of its own, so that a continued sweep proposes what an uninterrupted one
    would have. Only CMA-ES keeps a state, which is not written down: in a continued sweep it is
    fitted anew to the generations so far, one a trial.
    """
    own = int(stream(seed, "search", number).generate_state(1)[0])
    with warnings.catch_warnings():
        # Of QMC, and of TPE's groups: so far their interfaces have not changed.
        warnings.simplefilter("ignore", ExperimentalWarning)
        if search == "qmc":
            return NumberedQMC(
                int(stream(seed, "search").generate_state(1)[0]), number, RandomSampler(seed=own)
            )
        return _MADE[search](own)


def check_sampler(search: str) -> None:
    """Raise ValueError when a package is missing that the sampler needs."""
    package = _NEEDS.get(search)
    if package is not None and importlib.util.find_spec(package) is None:
        raise ValueError(
            f"The search {search!r} needs the package {package}: run `pip install 'segue[search]'`."
        )


_MADE: Mapping[str, Callable[[int], BaseSampler]] = {
    # Groups: parameters that are asked for together are learnt together, in each branch of a
    # conditional space.
    "tpe": lambda seed: TPESampler(seed=seed, multivariate=True, group=True),
    "random": lambda seed: RandomSampler(seed=seed),
    "gp": lambda seed: GPSampler(seed=seed, warn_independent_sampling=False),
    "cmaes": lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "nsga2": lambda seed: NSGAIISampler(seed=seed),
}
