"""Checks of spaces: each raises ValueError, naming the entry."""

import math
from collections.abc import Sequence
from typing import Any

from segue.plan.spaces.choices import Choices
from segue.plan.spaces.define_by_run import requests_of
from segue.plan.spaces.domains import Space, proposal, proposals
from segue.plan.spaces.nested import GRID, check_no_domain, is_domain, is_grid
from segue.plan.spaces.ranges import Range
from segue.plan.spaces.space_trial import SpaceFunction
from segue.plan.values.describe import canonical_json, describe


def check_space(space: Space) -> None:
    """Raise ValueError, naming the entry, for a space from which nothing can be proposed."""
    if not space:
        raise ValueError(
            "The space is empty: give it a ray.tune domain for at least one parameter of the"
            " pipeline function."
        )
    for name, entry in space.items():
        if is_grid(entry):
            _check_values(name, entry[GRID])
        elif is_domain(entry):
            _check_domain(name, entry)
        else:
            check_no_domain(f"The space entry {name!r}", entry)
    _check_one_kind(space)


def check_variation(space: Space | SpaceFunction, trials: int | None) -> None:
    """Raise ValueError for several trials of a space that has one point only."""
    is_constant = not (requests_of(space) if callable(space) else proposals(space))
    if is_constant and trials is not None and trials > 1:
        raise ValueError(
            f"The space has nothing to vary, so that all {trials} trials would be the same:"
            f" {_what_to_vary(space)}, or set trials=1 and use seeds to repeat it."
        )


def _check_one_kind(space: Space) -> None:
    grids = [name for name, entry in space.items() if is_grid(entry)]
    domains = [name for name, entry in space.items() if is_domain(entry)]
    if grids and domains:
        raise ValueError(
            f"The space has a grid for {grids[0]!r} and a domain to draw {domains[0]!r} from: make"
            " all of them grids, or write tune.choice([...]) for the grids."
        )


def _check_values(name: str, values: Any) -> None:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError(f"The grid of {name!r} must be a list of values, got {values!r}.")
    if not values:
        raise ValueError(f"The grid of {name!r} has no values: list at least one.")
    texts = [canonical_json(describe(value)) for value in values]
    for index, value in enumerate(values):
        check_no_domain(f"The grid of {name!r}", value)
        if texts[index] in texts[:index]:
            raise ValueError(
                f"The grid of {name!r} lists {value!r} twice: list each value once, and use seeds"
                " to repeat it."
            )


def _check_domain(name: str, domain: Any) -> None:
    if hasattr(domain, "categories"):
        for value in Choices.of(name, domain.categories).values:
            check_no_domain(f"The choice of {name!r}", value)
        return
    lower = getattr(domain, "lower", math.inf)
    upper = getattr(domain, "upper", math.inf)
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ValueError(
            f"The domain of {name!r} does not have two finite ends, so that nothing can be proposed"
            " from it: use uniform, loguniform, randint, choice or grid_search of ray.tune."
        )
    numbers = proposal(name, domain)
    assert isinstance(numbers, Range)
    first = numbers.low
    last = numbers.high
    if first > last:
        raise ValueError(
            f"The domain of {name!r} is empty, from {first} to {last}: give the smaller end first."
        )
    if numbers.log and first <= 0:
        raise ValueError(
            f"The domain of {name!r} is logarithmic, so it must lie above 0, got the end {first}."
        )


def _what_to_vary(space: Space | SpaceFunction) -> str:
    if callable(space):
        return "request a parameter"
    lists = {name: entry for name, entry in space.items() if isinstance(entry, list) and entry}
    for name, values in lists.items():
        return f"write tune.choice({values}) for {name!r} if these are the values to try"
    return "give a parameter a domain of ray.tune"
