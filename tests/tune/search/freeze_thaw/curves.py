"""Curves for the tests of freeze-thaw search."""

import math
from collections.abc import Sequence

from optuna.distributions import FloatDistribution

from segue.tune.search.freeze_thaw.curve import Curve, Proposal, Status

LEARNING_RATE = FloatDistribution(1e-4, 1e-2, log=True)


def point(x: float) -> Proposal:
    """A point at the quantile x of a space with one parameter."""
    return Proposal({"lr": 1e-4 * 100**x}, {"lr": LEARNING_RATE})


def curve(
    number: int,
    values: Sequence[float],
    status: Status | None = None,
    *,
    x: float | None = None,
    ends: Sequence[float] = (1000.0,),
    interval: float = 250.0,
) -> Curve:
    """A trial that reports every 250 steps of 1,000; it is paused unless it has ended."""
    steps = tuple(interval * (index + 1) for index in range(len(values)))
    at_end = bool(steps) and math.isclose(steps[-1], ends[-1])
    taken = point(((number * 7) % 11) / 11 if x is None else x)
    return Curve(
        taken.parameters,
        taken.distributions,
        number,
        steps,
        tuple(values),
        tuple(ends),
        status or (Status.ENDED if at_end else Status.PAUSED),
    )
