"""A random forest that predicts a trial's final metric from its parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import KFold

from segue.record.study.attributes import COPY_OF, LINEAGE
from segue.report.analysis.stopping import spearman
from segue.report.data.summary import Summary

FEWEST = 10
"""Trials that a forest takes at least."""
_TREES = 64
_FOLDS = 5
_FITTED = 1_000  # trials, the newest
_GRID = 12  # values of a parameter
_BACKGROUND = 60  # trials over which a partial dependence is averaged
_PAIRED = 4  # parameters whose pairs are looked at
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PathStep:
    """A change of one parameter on the path between two trials, and the prediction after it."""

    name: str
    before: Any
    after: Any
    predicted: float


@dataclass(frozen=True)
class Pair:
    """The joint influence of two parameters on the metric.

    `surface` has the mean prediction at the values of `y` (rows) and `x` (columns), over the other
    parameters of the trials.
    """

    x: str
    y: str
    x_values: list[Any]
    y_values: list[Any]
    surface: Floats
    strength: float
    """The share of the surface's variance that no sum of two curves explains (Friedman and Popescu,
    2008).
    """


@dataclass(frozen=True)
class Surrogate:
    """A forest over the complete trials of a sweep, whose parameters are numbers."""

    trials: Sequence[FrozenTrial]
    distributions: Mapping[str, BaseDistribution]

    @classmethod
    def of(cls, summary: Summary) -> "Surrogate | None":
        """Return the forest; None for too few trials, or for trials that are all equal."""
        trials = [
            trial
            for trial in summary.trials
            if trial.state == TrialState.COMPLETE
            and trial.values
            and not {COPY_OF, LINEAGE} & trial.user_attrs.keys()
        ][-_FITTED:]
        known: dict[str, BaseDistribution] = {}
        for trial in trials:
            known.update(trial.distributions)
        varied = {name: each for name, each in known.items() if _varies(name, trials)}
        values = {trial.values[0] for trial in trials}
        if len(trials) < FEWEST or len(values) < 2 or not varied:
            return None
        return cls(trials, varied)

    @cached_property
    def values(self) -> Floats:
        """The final metric of each trial, in the order of the trials."""
        return np.array([trial.values[0] for trial in self.trials], dtype=np.float64)

    @cached_property
    def inputs(self) -> Floats:
        """The parameters of each trial (rows) as numbers; NaN for one that a trial lacks."""
        return np.array([self._row(trial.params) for trial in self.trials])

    @cached_property
    def foretold(self) -> Floats:
        """The prediction for each trial by a forest that has not seen it (5-fold)."""
        found = np.empty(len(self.trials))
        folds = KFold(_FOLDS, shuffle=True, random_state=0)
        for seen, unseen in folds.split(self.inputs):
            forest = _forest().fit(self.inputs[seen], self.values[seen])
            found[unseen] = forest.predict(self.inputs[unseen])
        return found

    @property
    def explained(self) -> float:
        """The share of the variance that predictions of unseen trials explain; 0 or less if none.

        The coefficient of determination.
        """
        errors = np.sum((self.values - self.foretold) ** 2)
        return float(1 - errors / np.sum((self.values - self.values.mean()) ** 2))

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's rank correlation of the predictions of unseen trials; None if undefined."""
        return spearman(list(self.foretold), list(self.values))

    def predicted(self, inputs_NP: Floats) -> Floats:
        """Return the predictions of the forest that has seen all trials."""
        found: Floats = self._fitted.predict(inputs_NP)
        return found

    def pairs(self, most: int) -> list[Pair]:
        """Return the pairs of the most important parameters, the strongest interaction first."""
        order = np.argsort(-self._fitted.feature_importances_, kind="stable")[:_PAIRED]
        names = list(self.distributions)
        found = [self._pair(names[a], names[b]) for a, b in combinations(map(int, order), 2)]
        return sorted(found, key=lambda pair: -pair.strength)[:most]

    def path(self, first: FrozenTrial, last: FrozenTrial, sign: float) -> list[PathStep]:
        """Return the changes from one trial to another, each time the one that brings most.

        Greedy ablation (Fawcett and Hoos, 2016) with the forest's predictions; `sign` is -1 where a
        lower metric is better.
        """
        names = list(self.distributions)
        current = self._row(first.params)
        target = self._row(last.params)
        different = {index for index in range(len(names)) if not _equal(current, target, index)}
        steps = []
        while different:
            ordered = sorted(different)
            options = np.array([current] * len(ordered))
            for row, index in enumerate(ordered):
                options[row, index] = target[index]
            predicted = self.predicted(options)
            best = int(np.argmax(sign * predicted))
            index = ordered[best]
            name = names[index]
            values = (first.params.get(name), last.params.get(name))
            steps.append(PathStep(name, *values, float(predicted[best])))
            current[index] = target[index]
            different.remove(index)
        return steps

    @cached_property
    def _fitted(self) -> RandomForestRegressor:
        return _forest().fit(self.inputs, self.values)

    def _row(self, params: Mapping[str, Any]) -> list[float]:
        return [_number(each, params.get(name)) for name, each in self.distributions.items()]

    def _pair(self, x: str, y: str) -> Pair:
        columns = [list(self.distributions).index(name) for name in (x, y)]
        values = [self._grid(column) for column in columns]
        chosen = np.linspace(0, len(self.trials) - 1, min(_BACKGROUND, len(self.trials)))
        background_BP = self.inputs[np.round(chosen).astype(int)]
        points = [(x_value, y_value) for y_value in values[1] for x_value in values[0]]
        repeated = np.repeat(background_BP[None], len(points), axis=0)
        repeated[:, :, columns[0]] = np.array([point[0] for point in points])[:, None]
        repeated[:, :, columns[1]] = np.array([point[1] for point in points])[:, None]
        flat = self.predicted(repeated.reshape(-1, background_BP.shape[1]))
        surface = flat.reshape(len(values[1]), len(values[0]), -1).mean(axis=2)
        x_shown = self._shown(x, values[0])
        y_shown = self._shown(y, values[1])
        return Pair(x, y, x_shown, y_shown, surface, _interaction(surface))

    def _grid(self, column: int) -> list[float]:
        known = np.unique(self.inputs[:, column])
        known = known[~np.isnan(known)]
        if len(known) <= _GRID:
            return [float(value) for value in known]
        return [float(value) for value in np.linspace(known[0], known[-1], _GRID)]

    def _shown(self, name: str, numbers: Sequence[float]) -> list[Any]:
        """Return the values of a parameter whose numbers are given."""
        distribution = self.distributions[name]
        if isinstance(distribution, CategoricalDistribution):
            return [str(distribution.choices[int(number)]) for number in numbers]
        is_log = getattr(distribution, "log", False)
        return [float(np.exp(number)) if is_log else number for number in numbers]


def _forest() -> RandomForestRegressor:
    return RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=0, n_jobs=1)


def _varies(name: str, trials: Sequence[FrozenTrial]) -> bool:
    return len({str(trial.params.get(name)) for trial in trials}) > 1


def _number(distribution: BaseDistribution, value: Any) -> float:
    if value is None:
        return np.nan
    if isinstance(distribution, CategoricalDistribution):
        return float(distribution.to_internal_repr(value))
    return float(np.log(value)) if getattr(distribution, "log", False) else float(value)


def _equal(one: Sequence[float], other: Sequence[float], index: int) -> bool:
    return one[index] == other[index] or bool(np.isnan(one[index]) and np.isnan(other[index]))


def _interaction(surface_YX: Floats) -> float:
    """Return the share of a surface's variance that is not a sum of its two means."""
    rest = surface_YX - surface_YX.mean(axis=0) - surface_YX.mean(axis=1)[:, None]
    variance = float(surface_YX.var())
    return float(rest.var()) / variance if variance > 0 else 0.0
