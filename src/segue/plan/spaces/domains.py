"""Search spaces of `ray.tune` domains, read without importing Ray."""

import copy
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from segue.base.files import JsonValue
from segue.plan.spaces.choices import Choices, is_same, plain_scalar
from segue.plan.spaces.nested import GRID, is_domain, is_grid
from segue.plan.spaces.ranges import Range, multiples
from segue.plan.values.describe import canonical_json, describe

Space: TypeAlias = Mapping[str, Any]
"""Domains, grids and constants by the names of the pipeline function's keywords."""
Point: TypeAlias = dict[str, Any]
"""Keywords of the pipeline function."""
_MOST_CORNERS = 64


def plain_space(space: Space) -> dict[str, Any]:
    """Return a copy of a space in which numpy scalars and arrays of values are plain Python."""
    return {name: _plain_entry(entry) for name, entry in space.items()}


def proposals(space: Space) -> dict[str, Range | Choices]:
    """Return what can be proposed for each entry that is not a constant."""
    return {
        name: proposal(name, entry)
        for name, entry in space.items()
        if is_grid(entry) or is_domain(entry)
    }


def grid_points(space: Space) -> list[Point] | None:
    """Return every point of a grid, the last parameter changing fastest; None for other spaces."""
    has_domain = any(is_domain(entry) for entry in space.values())
    has_grid = any(is_grid(entry) for entry in space.values())
    if has_domain or not has_grid:
        return None
    return _product(
        {name: list(entry[GRID]) if is_grid(entry) else [entry] for name, entry in space.items()}
    )


def domain_corners(space: Space) -> list[Point]:
    """Return the points with the ends of each range and each value of a choice or grid, in order.

    They are of the types that are proposed. Where there are more than 64 of them: those that differ
    in at most one parameter from the first or from the last, and no more than 64.
    """
    known = proposals(space)
    ends = {name: known[name].ends if name in known else [entry] for name, entry in space.items()}
    if math.prod(len(values) for values in ends.values()) <= _MOST_CORNERS:
        return _product(ends)
    return list(itertools.islice(_edges(ends), _MOST_CORNERS))


def completed_point(space: Space, point: Mapping[str, Any]) -> Point:
    """Return a user's point with the space's constants, each value as it would be proposed.

    Raise ValueError, naming it, for a parameter that is missing, unknown, or outside of its domain.
    """
    for name in point.keys() - space.keys():
        raise ValueError(f"The point {dict(point)} gives {name!r}, which the space lacks.")
    known = proposals(space)
    found: Point = {}
    for name, entry in space.items():
        if name not in known:
            _check_constant(name, entry, point)
            found[name] = entry
        elif name not in point:
            raise ValueError(
                f"The point {dict(point)} lacks {name!r}: give a value for every parameter."
            )
        else:
            found[name] = _proposed(known[name], name, point[name])
    return found


def distinct_points(points: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return the points without those that equal an earlier one."""
    distinct: dict[str, Any] = {}
    for point in points:
        distinct.setdefault(canonical_json(describe(point)), point)
    return list(distinct.values())


def describe_entry(entry: Any) -> JsonValue:
    """Return an entry of a space as JSON can hold it, by the name of its `ray.tune` constructor.

    The last number of a quantised domain is the width of its steps.
    """
    if is_grid(entry):
        return {GRID: describe(entry[GRID])}
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


def _plain_entry(entry: Any) -> Any:
    if is_grid(entry):
        return {GRID: _plain_values(entry[GRID])}
    if is_domain(entry) and hasattr(entry, "categories"):
        plain = copy.copy(entry)
        plain.categories = _plain_values(entry.categories)
        return plain
    return plain_scalar(entry)


def _plain_values(values: Any) -> Any:
    is_array = getattr(values, "ndim", 0) == 1 and hasattr(values, "tolist")
    listed = values.tolist() if is_array else values
    is_list = isinstance(listed, Sequence) and not isinstance(listed, str)
    return [plain_scalar(value) for value in listed] if is_list else listed


def _proposed(known: Range | Choices, name: str, value: Any) -> Any:
    recorded = known.recorded(name, value)
    return known.proposed(recorded) if isinstance(known, Choices) else recorded


def _check_constant(name: str, constant: Any, point: Mapping[str, Any]) -> None:
    if name in point and point[name] is not constant and not is_same(point[name], constant):
        raise ValueError(
            f"The point {dict(point)} gives {name!r}, which is always {constant!r} in the space."
        )


def proposal(name: str, entry: Any) -> Range | Choices:
    """Return what can be proposed for a grid or a domain; its ends are finite."""
    if is_grid(entry):
        return Choices(tuple(entry[GRID]))
    if hasattr(entry, "categories"):
        return Choices.of(name, entry.categories)
    convert = int if _is_integer(entry) else float
    low = convert(entry.lower)
    high = convert(entry.upper)
    # Ray's whole-number domains leave out their upper end, unless they have steps above 1.
    step = entry.sampler.q if _is_quantized(entry) else None
    if _is_integer(entry) and step in (None, 1):
        return Range(low, high - 1, None, _is_log(entry))
    if step is None or low > high:
        return Range(low, high, None, _is_log(entry))
    if _is_log(entry):
        return Range(low, high, step, log=True)
    return multiples(name, low, high, step, whole=_is_integer(entry))


def _product(values: Mapping[str, list[Any]]) -> list[Point]:
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


def _edges(ends: Mapping[str, list[Any]]) -> Iterator[Point]:
    first = {name: values[0] for name, values in ends.items()}
    last = {name: values[-1] for name, values in ends.items()}
    yield first
    yield last
    for name, values in ends.items():
        if len(values) > 1:
            yield first | {name: values[-1]}
            yield last | {name: values[0]}
    for name, values in ends.items():  # of choices and grids
        for value in values[1:-1]:
            yield first | {name: value}


def _is_integer(domain: object) -> bool:
    return type(domain).__name__ == "Integer"


def _is_quantized(domain: Any) -> bool:
    return hasattr(domain.sampler, "q")


def _is_log(domain: Any) -> bool:
    sampler = domain.sampler.sampler if _is_quantized(domain) else domain.sampler
    return "LogUniform" in type(sampler).__name__
