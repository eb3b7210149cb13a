"""Convert `ray.tune` domains to Optuna's distributions, and recorded values to parameters."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna import Study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial
from ray.tune.search.sample import (
    Categorical,
    Domain,
    Float,
    Integer,
    LogUniform,
    Quantized,
    Uniform,
)

from segue.plan.spaces.domains import Space, is_grid
from segue.plan.values.describe import describe

SCALARS = (bool, int, float, str, type(None))
_LABEL_LENGTH = 60
_DECIMALS = 12


@dataclass(frozen=True)
class SearchSpace:
    """The distributions of a sweep's parameters, as the study records them.

    Supported: uniform, loguniform, quniform, randint, lograndint, qrandint, choice and grid_search
    of `ray.tune`, and constants. Categories that a study cannot hold (lists, functions, Builders,
    equal ones such as 1 and True) are recorded as labels "index: description".
    """

    distributions: Mapping[str, BaseDistribution]
    categories: Mapping[str, Mapping[Any, Any]]  # parameter -> what the study records -> the value
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, space: Space) -> "SearchSpace":
        """Return the search space of a sweep's `space`.

        Raises ValueError for a domain that Optuna cannot propose from, with its name and a
        supported alternative.
        """
        listed = {
            name: values for name, entry in space.items() if (values := _listed(entry)) is not None
        }
        ranges = {
            name: entry
            for name, entry in space.items()
            if isinstance(entry, Domain) and name not in listed
        }
        categories = {
            name: dict(zip(_labels(values), values, strict=True)) for name, values in listed.items()
        }
        return cls(
            distributions={
                name: (
                    CategoricalDistribution(list(categories[name]))
                    if name in listed
                    else _range(name, ranges[name])
                )
                for name in space
                if name in listed or name in ranges
            },
            categories=categories,
            constants={
                name: entry
                for name, entry in space.items()
                if name not in listed and name not in ranges
            },
        )

    def ask(self, study: Study) -> Trial:
        """Let the study's sampler propose a new trial."""
        return study.ask(dict(self.distributions))

    def recorded(
        self, point: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return what the study records for a point of the grid, or for a point of the sweep.

        Raises ValueError, naming the parameter, for one that is missing, unknown, or outside of its
        domain.
        """
        for name in self.distributions.keys() - point.keys():
            raise ValueError(
                f"The point {dict(point)} lacks {name!r}: give a value for every parameter."
            )
        for name in point.keys() - self.distributions.keys() - self.constants.keys():
            raise ValueError(f"The point {dict(point)} gives {name!r}, which the space lacks.")
        for name, constant in self.constants.items():
            if name in point and point[name] is not constant and point[name] != constant:
                raise ValueError(
                    f"The point {dict(point)} gives {name!r}, which is always {constant!r} in the"
                    " space."
                )
        values = {name: self._recorded(name, point[name]) for name in self.distributions}
        return values, dict(self.distributions)

    def parameters(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """Return the pipeline function's keyword arguments for recorded parameters."""
        return {
            name: self.categories[name][value] if name in self.categories else value
            for name, value in recorded.items()
        } | dict(self.constants)

    def _recorded(self, name: str, value: Any) -> Any:
        # By identity before equality: 1 and True are equal, and so may be two functions' results.
        known = self.categories[name].items() if name in self.categories else ()
        for label, category in known:
            if category is value:
                return label
        for label, category in known:
            if category == value:
                return label
        if known or not _lies_in(self.distributions[name], value):
            raise ValueError(
                f"The value {value!r} of {name!r} is not in the space: {self.distributions[name]}."
            )
        return value


def _lies_in(distribution: BaseDistribution, value: object) -> bool:
    return isinstance(value, int | float) and distribution._contains(
        distribution.to_internal_repr(value)
    )


def _listed(entry: object) -> Sequence[Any] | None:
    if is_grid(entry):
        return list(entry["grid_search"])
    return list(entry.categories) if isinstance(entry, Categorical) else None


def _labels(values: Sequence[Any]) -> list[Any]:
    plain = [type(value) in SCALARS and value == value for value in values]
    if all(plain) and len(set(values)) == len(values):
        return list(values)
    return [f"{index}: {_short(value)}" for index, value in enumerate(values)]


def _short(value: object) -> str:
    # The description, not repr: labels must be the same in every process, and repr may hold an
    # address.
    text = json.dumps(describe(value))
    return text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 3] + "..."


def _range(name: str, domain: Domain) -> BaseDistribution:
    sampler = domain.get_sampler()
    step = sampler.q if isinstance(sampler, Quantized) else None
    base = sampler.sampler if isinstance(sampler, Quantized) else sampler
    is_log = isinstance(base, LogUniform)
    if not isinstance(domain, Float | Integer) or not (is_log or isinstance(base, Uniform)):
        raise ValueError(
            f"The space entry {name!r} is a {type(domain).__name__} domain that Optuna cannot"
            " propose from: use uniform, loguniform, randint, choice or grid_search of ray.tune."
        )
    if is_log and step not in (None, 1):
        raise ValueError(
            f"The space entry {name!r} is both logarithmic and quantised, which Optuna cannot"
            " propose: drop the q, or list the values in a choice."
        )
    return (
        _whole(domain, step, is_log) if isinstance(domain, Integer) else _real(domain, step, is_log)
    )


def _real(domain: Float, step: float | None, is_log: bool) -> FloatDistribution:
    low = float(domain.lower)
    high = float(domain.upper)
    if step is None:
        return FloatDistribution(low, high, log=is_log)
    # Optuna compares decimal digits: 0.1 * 3 would be none of 0.0, 0.1, 0.2, 0.3.
    return FloatDistribution(
        round(low, _DECIMALS), round(high, _DECIMALS), step=round(float(step), _DECIMALS)
    )


def _whole(domain: Integer, step: int | None, is_log: bool) -> IntDistribution:
    # Ray leaves out the upper end of a whole-number domain, unless it is quantised.
    low = int(domain.lower)
    high = int(domain.upper) - (step is None)
    if step is None or is_log:
        return IntDistribution(low, high, log=is_log)
    return IntDistribution(low, high - (high - low) % int(step), step=int(step))
