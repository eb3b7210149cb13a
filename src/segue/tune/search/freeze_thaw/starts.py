"""Where a new trial begins: at the model's point, or at a random one of a kind that is rare."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from segue.tune.search.freeze_thaw.curve import Curve, Proposal


def kinds_of(points: Sequence[Proposal]) -> int:
    """Return how many kinds of points a space has, of which these are some.

    Points differ in kind if they have a parameter of several choices, or not the same parameters:
    the largest number of choices counts, or that of sets of parameters.
    """
    choices = [count for point in points for count in _choices(point).values()]
    return max(1, len({frozenset(point.distributions) for point in points}), *choices)


def is_random(begun: int, proposals: Sequence[Proposal]) -> bool:
    """Return whether the next trial begins at a random point, after `begun` trials.

    What the model knows of one kind says little of another, and the first kind that works attracts
    it. Of `kinds` of them, a share of (kinds - 1) / (kinds + 1) begins at random: none of one kind,
    a third of two, two thirds of five.
    """
    kinds = kinds_of(proposals)
    share = kinds - 1, kinds + 1
    return (begun + 1) * share[0] // share[1] > begun * share[0] // share[1]


def rarest(curves: Sequence[Curve], proposals: Sequence[Proposal]) -> int:
    """Return the index of the first proposal whose choices the trials so far have made least often.

    Random points alone leave out a choice of five in every tenth search of ten trials.
    """
    made = Counter(choice for curve in curves for choice in _choices(curve))
    counts = [
        sum(made[name, value] * count for (name, value), count in _choices(proposal).items())
        for proposal in proposals
    ]
    return counts.index(min(counts))


def _choices(point: Proposal) -> dict[tuple[str, Any], int]:
    """Return the parameters of several choices with their values, and how many choices each has."""
    return {
        (name, point.parameters[name]): len(kind.choices)
        for name, kind in point.distributions.items()
        if isinstance(kind, CategoricalDistribution)
    }
