"""Choose which names of a sweep's space are searched: `--set` and `--only` of `segue run`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from segue.base.suggestions import suggestion
from segue.plan.spaces.define_by_run import requests_of
from segue.plan.spaces.domains import distinct_points, proposals
from segue.plan.spaces.pins import PinnedSpace, is_value, recorded_value, value_of
from segue.plan.spaces.space_trial import Request
from segue.plan.sweeps.sweep import Sweep

SET = "--set"
ONLY = "--only"


def pin(sweep: Sweep, values: Mapping[str, Any]) -> Sweep:
    """Return the sweep with some names of its space fixed at one value each.

    The sweep's `points` have these values too. A name that is pinned at the same value already
    stays so.

    Args:
        sweep: The sweep.
        values: The value of each name, or what a study records of it, or the text of either.

    Raise ValueError for a name that the space does not search, and for a value that it could not
    propose.
    """
    requests = _searched(sweep)
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in sweep.pinned and is_value(value, sweep.pinned[name]):
            continue
        if name not in requests:
            raise ValueError(_unknown(sweep, SET, name, requests))
        try:
            found[name] = recorded_value(name, requests[name], value)
        except ValueError as error:
            raise ValueError(f"{SET} {name}={value} cannot be: {error}") from error
    return _pinned(sweep, requests, found) if found else sweep


def search_only(sweep: Sweep, names: Sequence[str]) -> Sweep:
    """Return the sweep with only these names of its space searched.

    All others are fixed at their values in the first of the sweep's `points`. Raise ValueError for
    a name that the space does not search, and for a name that this point does not give.
    """
    requests = _searched(sweep)
    for name in names:
        if name not in requests:
            raise ValueError(_unknown(sweep, ONLY, name, requests))
    rest = [name for name in requests if name not in names]
    first = sweep.points[0] if sweep.points else {}
    given = {
        name: recorded_value(name, requests[name], first[name]) for name in rest if name in first
    }
    only = _pinned(sweep, requests, given) if given else sweep
    missing = [name for name in _searched(only) if name not in names]
    if missing:
        where = "the first of its points does not give them" if sweep.points else "it has no points"
        raise ValueError(
            f"{ONLY} needs values for the other names of the sweep ({', '.join(missing)}), and"
            f" {where}: give them with {SET} {missing[0]}=VALUE, or add the names to {ONLY}."
        )
    return only


def _searched(sweep: Sweep) -> dict[str, Request]:
    """Return what can be proposed for each name that the sweep searches."""
    return dict(requests_of(sweep.space) if callable(sweep.space) else proposals(sweep.space))


def _pinned(sweep: Sweep, requests: Mapping[str, Request], found: Mapping[str, Any]) -> Sweep:
    """Return the sweep with these names pinned at what a study would record of their values."""
    values = {name: value_of(requests[name], recorded) for name, recorded in found.items()}
    points = sweep.points
    if callable(sweep.space):
        space: Any = PinnedSpace(sweep.space, dict(found))
        points = [_without(point, found) for point in points if _agrees(point, found)]
    else:
        space = {**sweep.space, **values}
        points = [{**point, **values} for point in points]
    pinned = {**sweep.pinned, **found}
    return replace(sweep, space=space, points=distinct_points(points), pinned=pinned)


def _agrees(point: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Return whether a point of a define-by-run space is one of the pinned space as well.

    At another value of a pinned name, the space may request other names than the point gives.
    """
    return all(name not in point or is_value(point[name], found[name]) for name in found)


def _without(point: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in point.items() if name not in found}


def _unknown(sweep: Sweep, option: str, name: str, requests: Mapping[str, Request]) -> str:
    """Return the refusal of a name that is not searched."""
    if name in sweep.pinned:
        return f"{option} names {name!r}, which is pinned at {sweep.pinned[name]!r} already."
    if not callable(sweep.space) and name in sweep.space:
        return (
            f"{option} names {name!r}, which is always {sweep.space[name]!r} in the space: change"
            " it in the sweep's file."
        )
    return f"{option} names {name!r}, which the space lacks: {suggestion(name, requests)}"
