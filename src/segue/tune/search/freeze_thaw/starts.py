"""Where a new trial begins: at the model's point, or at a random one of a kind that is rare."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from segue.tune.search.freeze_thaw.curve import Curve, Proposal

_CLOSE = 1e-9


def random_share(points: Sequence[Proposal]) -> float:
    """Return which share of new trials begins at random, by points: (kinds - 1) / (kinds + 1).

    Points differ in kind if they have a parameter of several choices, or not the same parameters.
    What the model knows of one kind says little of another, and the first kind that works attracts
    it. There are as many kinds as the largest number of choices, or of sets of parameters: of one
    kind no trial begins at random, of two a third, of five two thirds.
    """
    choices = [count for point in points for count in _choices(point).values()]
    names = {frozenset(point.distributions) for point in points}
    kinds = max(1, len(names), *choices)
    return (kinds - 1) / (kinds + 1)


def is_random(begun: int, proposals: Sequence[Proposal]) -> bool:
    """Return whether the next trial begins at a random point, after `begun` trials."""
    share = random_share(proposals)
    return int((begun + 1) * share + _CLOSE) > int(begun * share + _CLOSE)


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
