"""Search spaces of `ray.tune` domains, read without importing Ray."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard

from segue.base.files import JsonValue
from segue.plan.values.describe import canonical_json, describe

Space: TypeAlias = Mapping[str, Any]
"""Domains, grids and constants by the names of the pipeline function's keywords."""
Point: TypeAlias = dict[str, Any]
"""Keywords of the pipeline function."""
_MOST_CORNERS = 64
_GRID = "grid_search"


def is_grid(entry: object) -> TypeGuard[dict[str, Sequence[Any]]]:
    """Return whether an entry of a space was made by `tune.grid_search`."""
    return isinstance(entry, dict) and set(entry) == {_GRID}


def is_domain(entry: object) -> bool:
    """Return whether an entry of a space is a domain of `ray.tune`."""
    return hasattr(type(entry), "is_valid") and hasattr(type(entry), "sample")


def check_space(space: Space) -> None:
    """Raise ValueError, naming the entry, for a space from which nothing can be proposed."""
    if not space:
        raise ValueError(
            "The space is empty: give it a ray.tune domain for at least one parameter of the"
            " pipeline function."
        )
    for name, entry in space.items():
        if is_grid(entry):
            _check_values(name, entry[_GRID])
        elif is_domain(entry):
            _check_domain(name, entry)
        elif _holds_domain(entry):
            raise ValueError(
                f"The space entry {name!r} contains a domain inside {entry!r}: give each domain a"
                " name of its own."
            )
    _check_one_kind(space)


def grid_points(space: Space) -> list[Point] | None:
    """Return every point of a grid, the last parameter changing fastest; None for other spaces."""
    has_domain = any(is_domain(entry) for entry in space.values())
    has_grid = any(is_grid(entry) for entry in space.values())
    if has_domain or not has_grid:
        return None
    return _product(
        {name: list(entry[_GRID]) if is_grid(entry) else [entry] for name, entry in space.items()}
    )


def domain_corners(space: Space) -> list[Point]:
    """Return the points with the first or last value of each entry, in a fixed order.

    Where there are more than 64 of them: those that differ in at most one parameter from the first
    or from the last, and no more than 64.
    """
    ends = {name: _ends(entry) for name, entry in space.items()}
    if math.prod(len(pair) for pair in ends.values()) <= _MOST_CORNERS:
        return _product(ends)
    return list(itertools.islice(_edges(ends), _MOST_CORNERS))


def describe_entry(entry: Any) -> JsonValue:
    """Return an entry of a space as JSON can hold it, by the name of its `ray.tune` constructor.

    The last number of a quantised domain is the width of its steps.
    """
    if is_grid(entry):
        return {_GRID: describe(entry[_GRID])}
    if not is_domain(entry):
        return describe(entry)
    if hasattr(entry, "categories"):
        return {"choice": describe(entry.categories)}
    arguments = [entry.lower, entry.upper]
    constructor = "randint" if _is_integer(entry) else "uniform"
    if _is_log(entry):
        constructor = f"log{constructor}"
    if _is_quantized(entry):
        constructor = f"q{constructor}"
        arguments.append(entry.sampler.q)
    return {constructor: describe(arguments)}


def _check_one_kind(space: Space) -> None:
    grids = [name for name, entry in space.items() if is_grid(entry)]
    domains = [name for name, entry in space.items() if is_domain(entry)]
    if grids and domains:
        raise ValueError(
            f"The space has a grid for {grids[0]!r} and a domain to draw {domains[0]!r} from: make"
            " all of them grids, or write tune.choice([...]) for the grids."
        )


def _check_values(name: str, values: object) -> None:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError(f"The grid of {name!r} must be a list of values, got {values!r}.")
    if not values:
        raise ValueError(f"The grid of {name!r} has no values: list at least one.")
    texts = [canonical_json(describe(value)) for value in values]
    duplicates = [value for index, value in enumerate(values) if texts[index] in texts[:index]]
    if duplicates:
        raise ValueError(
            f"The grid of {name!r} lists {duplicates[0]!r} twice: list each value once, and use"
            " seeds to repeat it."
        )


def _check_domain(name: str, domain: Any) -> None:
    if hasattr(domain, "categories"):
        if not len(domain.categories):
            raise ValueError(f"The choice of {name!r} has no values: list at least one.")
        return
    lower = getattr(domain, "lower", math.inf)
    upper = getattr(domain, "upper", math.inf)
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ValueError(
            f"The domain of {name!r} does not have two finite ends, so that nothing can be proposed"
            " from it: use uniform, loguniform, randint, choice or grid_search of ray.tune."
        )
    ends = _ends(domain)
    first = ends[0]
    last = ends[-1]
    if first > last:
        raise ValueError(
            f"The domain of {name!r} is empty, from {first} to {last}: give the smaller end first."
        )
    if _is_log(domain) and first <= 0:
        raise ValueError(
            f"The domain of {name!r} is logarithmic, so it must lie above 0, got the end {first}."
        )


def _holds_domain(entry: object) -> bool:
    if is_domain(entry) or is_grid(entry):
        return True
    if isinstance(entry, Mapping):
        return any(_holds_domain(part) for part in entry.values())
    return isinstance(entry, list | tuple) and any(_holds_domain(part) for part in entry)


def _ends(entry: Any) -> list[Any]:
    if is_grid(entry):
        return _first_and_last(entry[_GRID])
    if not is_domain(entry):
        return [entry]
    if hasattr(entry, "categories"):
        return _first_and_last(entry.categories)
    # Ray's whole-number domains leave out their upper end, unless they are quantised.
    is_open = _is_integer(entry) and not _is_quantized(entry)
    return [entry.lower, entry.upper - 1 if is_open else entry.upper]


def _first_and_last(values: Sequence[Any]) -> list[Any]:
    return [values[0], values[-1]] if len(values) > 1 else [values[0]]


def _product(values: Mapping[str, list[Any]]) -> list[Point]:
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


def _edges(ends: Mapping[str, list[Any]]) -> Iterator[Point]:
    first = {name: pair[0] for name, pair in ends.items()}
    last = {name: pair[-1] for name, pair in ends.items()}
    yield first
    yield last
    for name, pair in ends.items():
        if len(pair) > 1:
            yield first | {name: pair[-1]}
            yield last | {name: pair[0]}


def _is_integer(domain: object) -> bool:
    return type(domain).__name__ == "Integer"


def _is_quantized(domain: Any) -> bool:
    return hasattr(domain.sampler, "q")


def _is_log(domain: Any) -> bool:
    sampler = domain.sampler.sampler if _is_quantized(domain) else domain.sampler
    return "LogUniform" in type(sampler).__name__
