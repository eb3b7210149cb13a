"""How sure one can be: of a configuration by its seeds, of a search by its trials.

Shapes: N values, M values of another configuration, R resamples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segue.plan.mode import Mode

Values = Sequence[float] | NDArray[np.float64]
RESAMPLES = 2_000
CONFIDENCE = 0.95
ENOUGH_SEEDS = 5
"""Seeds per configuration from which two are compared: with fewer, an interval over resampled seeds
is too narrow, and a lucky order of the seeds is likely.
"""


class Estimate(NamedTuple):
    """A number, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def iqm(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interquartile mean over the last axis.

    A quarter of the values, rounded down, is left out at each end.
    """
    count = values.shape[-1]
    cut = count // 4
    middle: NDArray[np.float64] = np.sort(values, axis=-1)[..., cut : count - cut].mean(axis=-1)
    return middle


def iqm_interval(values_N: Values, seed: int = 0) -> Estimate:
    """Return the interquartile mean with a percentile bootstrap interval over the seeds.

    Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice, NeurIPS
    2021, section 4.1; the stratified bootstrap with one task as its only stratum.
    """
    values_RN = _resampled(np.asarray(values_N, np.float64), np.random.default_rng(seed))
    return _with_interval(float(iqm(np.asarray(values_N, np.float64))), iqm(values_RN))


def probability_of_improvement(
    values_N: Values, others_M: Values, mode: Mode = "max", seed: int = 0
) -> Estimate:
    """Return the probability that a run of the first configuration beats one of the second.

    The Mann-Whitney statistic over N * M, where a tie counts half (Agarwal et al., 2021, equation 1
    and section 4.3). Both configurations are resampled.
    """
    generator = np.random.default_rng(seed)
    sign = 1.0 if mode == "max" else -1.0
    values = sign * np.asarray(values_N, np.float64)
    others = sign * np.asarray(others_M, np.float64)
    resampled = _better(_resampled(values, generator), _resampled(others, generator))
    return _with_interval(float(_better(values, others)), resampled)


def expected_best(values_N: Values, mode: Mode = "max", seed: int = 0) -> NDArray[np.float64]:
    """Return the best value that k trials are expected to find, for k = 1 ... N, `[3, N]`.

    The rows are value, low and high. Dodge et al., Show Your Work, EMNLP 2019, equation 7: with the
    values sorted, the i-th is the best of k draws with probability (i / N)^k - ((i - 1) / N)^k. The
    interval resamples the trials.
    """
    sign = 1.0 if mode == "max" else -1.0
    values = sign * np.asarray(values_N, np.float64)
    count = len(values)
    shares = np.arange(count + 1) / count
    below = shares[:, None] ** np.arange(
        1, count + 1
    )  # [N + 1, k]: that k draws all are among the first i
    weights = np.diff(below, axis=0)
    resampled = np.sort(_resampled(values, np.random.default_rng(seed)), axis=-1) @ weights
    low, high = np.quantile(resampled, _tails(), axis=0)
    ends = (low, high) if mode == "max" else (high, low)
    found: NDArray[np.float64] = sign * np.stack([np.sort(values) @ weights, *ends])
    return found


def _better(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    difference = values[..., :, None] - others[..., None, :]
    share: NDArray[np.float64] = ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(-2, -1))
    return share


def _resampled(
    values_N: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    drawn: NDArray[np.float64] = values_N[
        generator.integers(0, len(values_N), (RESAMPLES, len(values_N)))
    ]
    return drawn


def _with_interval(value: float, resampled_R: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(resampled_R, _tails())
    return Estimate(value, float(low), float(high))


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
