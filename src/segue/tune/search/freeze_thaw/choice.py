"""Which trial a free worker trains next: a paused one, or one that begins."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from segue.tune.search.freeze_thaw.curve import Curve, Proposal, Status
from segue.tune.search.freeze_thaw.ends import PredictedEnds, predicted_ends
from segue.tune.search.freeze_thaw.gaussian_process import Data, GaussianProcess, Posterior
from segue.tune.search.freeze_thaw.points import unit_vectors
from segue.tune.search.freeze_thaw.protection import protected
from segue.tune.search.freeze_thaw.scores import Array, normal_scores, shrunk
from segue.tune.search.freeze_thaw.starts import is_random, kinds_of, rarest

PROPOSALS = 64
"""How many new points are considered at a time."""
RANDOM_STARTS = 4
"""The model is used once so many trials have reported."""
MOST_RANDOM = 7
"""The most trials that begin before that; then those that have begun continue."""
GRACE = 0.125
"""The share of the longest trial's steps that a trial trains before it may be paused."""
NEWEST = 100
BEST = 200
"""The model learns from so many trials, the newest and those with the best values."""
FITTED = 100
"""The most trials to which the parameters of the Gaussian process are fitted."""
VARIANCE_TO_GO = 1.5
"""The variance of a predicted end whose trial has all of its steps to go."""
VARIANCE_PENDING = 0.5
"""The variance of a trial that has not reported, which is believed at its mean."""
OWN = 0.5
"""How far a trial's mean is moved to its own deviation from its configuration's."""
COST_POWER = 0.5
CLEAR = 0.15
"""By how much an end is clearly better than the best so far, as a share of the range of ends, in a
space of very many kinds; of fewer kinds it is less.
"""
MANY_KINDS = 3
"""In a space of so many kinds, trials that may not become clearly better resume last."""
LAST_RESORT = 1e-6
"""What the improvement by such a trial counts."""
_CLOSE = 1e-9


@dataclass(frozen=True)
class Choice:
    """What is trained next: the trial of a number, or else the new point of an index.

    `is_check`: the trial resumes whatever is predicted of it, since early values may mislead.
    """

    number: int | None = None
    proposal: int | None = None
    is_check: bool = False


def choose(
    curves: Sequence[Curve],
    proposals: Sequence[Proposal],
    room: float,
    longest: float,
    last: int | None = None,
) -> Choice | None:
    """Return what a free worker trains next, up to its next report, or None if nothing fits.

    Arguments:
        curves: All trials that have begun, in the order in which they began.
        proposals: New points, in random order.
        room: Environment steps that are not spent, nor promised to a running trial. A trial begins,
            or resumes, only if it could run to its end within them.
        longest: Environment steps of the longest trial, by which costs are measured.
        last: Number of the trial that has just reported on this worker. Its status is PAUSED, since
            that is what it will be if another one is chosen.
    """
    own = next((curve for curve in curves if curve.number == last), None)
    if own is not None and (own.remaining > room + _CLOSE or not own.remaining):
        own = None
    whole = protected(curves)
    if own is not None and (own in whole or own.steps[-1] < GRACE * longest):
        return Choice(own.number)
    can_begin = bool(proposals) and room + _CLOSE >= longest
    if sum(bool(curve.steps) for curve in curves) < RANDOM_STARTS:
        if can_begin and (own is None or len(curves) < MOST_RANDOM):
            return Choice(proposal=rarest(curves, proposals))
        return _first_that_fits(curves, room) if own is None else Choice(own.number)
    check = _first_that_fits(whole, room)
    if check is not None:
        return replace(check, is_check=True)
    data = _considered(curves, last)
    paused = [row for row, curve in enumerate(data) if _can_resume(curve, room)]
    begun = proposals[:PROPOSALS] if can_begin else []
    if not paused and not begun:
        return None
    values = _expected_improvements(data, _pending(curves), begun, paused, longest)
    best = int(np.argmax(values))
    if best < len(paused):
        return Choice(data[paused[best]].number)
    if is_random(len(curves), proposals):
        return Choice(proposal=rarest(curves, proposals))
    return Choice(proposal=best - len(paused))


def _first_that_fits(curves: Sequence[Curve], room: float) -> Choice | None:
    found = (curve.number for curve in curves if _can_resume(curve, room))
    number = next(found, None)
    return None if number is None else Choice(number)


def _can_resume(curve: Curve, room: float) -> bool:
    return curve.status == Status.PAUSED and 0 < curve.remaining <= room + _CLOSE


def _pending(curves: Sequence[Curve]) -> list[Curve]:
    return [curve for curve in curves if curve.status == Status.RUNNING and not curve.steps]


def _considered(curves: Sequence[Curve], last: int | None) -> list[Curve]:
    """Return the trials that the model learns from, in the order in which they began."""
    reported = [curve for curve in curves if curve.steps]
    if len(reported) <= NEWEST + BEST:
        return reported
    older = sorted(reported[:-NEWEST], key=lambda curve: curve.smoothed[-1], reverse=True)
    kept = {id(curve) for curve in [*older[:BEST], *reported[-NEWEST:]]}
    return [curve for curve in reported if id(curve) in kept or curve.number == last]


def _expected_improvements(
    data: Sequence[Curve],
    pending: Sequence[Curve],
    begun: Sequence[Proposal],
    paused: Sequence[int],
    longest: float,
) -> Array:
    """Return the expected improvement of each paused trial and new point, by the root of its cost.

    It is over the best mean of all trials, and lower for trials that resume last.
    """
    X = unit_vectors([*data, *pending, *begun])
    count = len(data)
    first_new = count + len(pending)
    ends = predicted_ends(data)
    scores = shrunk(normal_scores(ends.values))
    variance = VARIANCE_TO_GO * np.array([curve.remaining_share for curve in data])
    process = GaussianProcess(X.shape[1])
    process.fit(_subset(Data(X[:count], scores, variance)))
    known = Data(X[:count], scores, variance)
    means, spreads = _posterior(process, known, X[count:first_new]).at(X)
    weight = OWN * process.noise / (process.noise + variance)
    own = means[:count] + weight * (scores - means[:count])
    new = slice(first_new, None)
    mean = np.concatenate([own[paused], means[new]])
    spread = np.concatenate([spreads[paused], spreads[new]])
    remaining = [data[row].remaining for row in paused] + [longest] * len(begun)
    cost = np.array(remaining) / longest
    improvement = _improvement(mean, spread, own.max()) / cost**COST_POWER
    improvement[: len(paused)] *= _weights(data, ends, kinds_of([*data, *begun]))[paused]
    return improvement


def _improvement(mean: Array, spread: Array, best: float) -> Array:
    """Return the expected improvement over `best` (Jones et al. 1998, equation 15)."""
    u = (mean - best) / spread
    density = np.exp(-0.5 * u**2) / (2 * np.pi) ** 0.5
    return np.asarray(spread * (u * ndtr(u) + density))


def _weights(data: Sequence[Curve], ends: PredictedEnds, kinds: int) -> Array:
    """Return what the improvement by each trial counts: of one that resumes last, nearly nothing.

    In a space of many kinds, these are the trials that may not become clearly better than the best
    end so far: what stands still at the level of one kind would keep the search from the others.
    Scores do not tell, since of many trials that stand still at one value, some score above others.
    """
    if kinds < MANY_KINDS:
        return np.ones(len(data))
    has_ended = np.array([curve.status == Status.ENDED for curve in data], dtype=bool)
    best = ends.values[has_ended].max(initial=-np.inf)
    low, high = np.quantile(ends.values, [0.1, 0.9])
    clear = CLEAR * (kinds - 1) / (kinds + 1) * (high - low)
    return np.where(ends.values + ends.half_widths > best + clear, 1.0, LAST_RESORT)


def _subset(data: Data) -> Data:
    """Return the data of the newest and the best trials, at most `FITTED`."""
    count = len(data.y)
    if count <= FITTED:
        return data
    best = np.argsort(-data.y[: count - FITTED // 2], kind="stable")[: FITTED // 2]
    rows = np.concatenate([np.sort(best), np.arange(count - FITTED // 2, count)])
    return Data(data.X[rows], data.y[rows], data.variance[rows])


def _posterior(process: GaussianProcess, data: Data, pending: Array) -> Posterior:
    """Return the posterior; trials that have not reported are believed at their means."""
    posterior = process.condition(data)
    if not len(pending):
        return posterior
    believed, _ = posterior.at(pending)
    return process.condition(
        Data(
            np.concatenate([data.X, pending]),
            np.concatenate([data.y, believed]),
            np.concatenate([data.variance, np.full(len(pending), VARIANCE_PENDING)]),
        )
    )
