"""A Gaussian process over points, with a Matern 5/2 kernel of one length scale per dimension.

Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), chapters 2, 4 and 5.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, lapack, solve_triangular
from scipy.optimize import minimize

from segue.tune.search.freeze_thaw.scores import Array

ITERATIONS = 10
NOISE = 0.3
"""Median of the noise's prior, a variance."""
_LENGTH = 0.4
_SPREAD_LENGTH = 1.0  # standard deviations of logarithms under the prior
_SPREAD_SIGNAL = 0.5
_SPREAD_NOISE = 1.0
_WIDEST = 3.0  # in those standard deviations
_JITTER = 1e-8
_ROOT_5 = 5**0.5


@dataclass(frozen=True)
class Data:
    """Observations: points X of shape (N, D), values y of N, and variances known beforehand."""

    X: Array
    y: Array
    variance: Array


class GaussianProcess:
    """A Gaussian process with a log-normal prior over its length scales, signal and noise.

    The length scales are about 0.4 times the root of the number of dimensions.
    """

    def __init__(self, dimensions: int) -> None:
        length = np.log(_LENGTH * dimensions**0.5)
        self._mean = np.array([length] * dimensions + [0.0, np.log(NOISE)])
        self._spread = np.array([_SPREAD_LENGTH] * dimensions + [_SPREAD_SIGNAL, _SPREAD_NOISE])
        self.log_parameters = self._mean.copy()
        """Logarithms of the length scales, the signal's variance and the noise's."""

    @property
    def noise(self) -> float:
        """The variance of the noise."""
        return float(np.exp(self.log_parameters[-1]))

    def fit(self, data: Data) -> None:
        """Maximise the posterior of the parameters, in a few steps from the prior's median."""
        found = minimize(
            self._loss,
            self._mean,
            args=(data,),
            jac=True,
            method="L-BFGS-B",
            bounds=list(
                zip(
                    self._mean - _WIDEST * self._spread,
                    self._mean + _WIDEST * self._spread,
                    strict=True,
                )
            ),
            options={"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS},
        )
        self.log_parameters = np.asarray(found.x)

    def condition(self, data: Data) -> "Posterior":
        """Return the posterior, given the data."""
        lengths, signal, noise = self._unpacked(self.log_parameters)
        Z = data.X / lengths
        K = signal * _matern(_distances(Z, Z))
        K[np.diag_indices_from(K)] += noise + data.variance + _JITTER
        L = _cholesky(K)
        return Posterior(Z, lengths, signal, L, solve_triangular(L, data.y, lower=True))

    def _loss(self, log_parameters: Array, data: Data) -> tuple[float, Array]:
        """Return minus the log posterior density, and its gradient (equations 5.8 and 5.9)."""
        lengths, signal, noise = self._unpacked(log_parameters)
        dimensions = data.X.shape[1]
        Z = data.X / lengths
        R = _distances(Z, Z)
        E = signal * np.exp(-R)
        M = (1 + R + R**2 / 3) * E
        K = M.copy()
        K[np.diag_indices_from(K)] += noise + data.variance + _JITTER
        L = _cholesky(K)
        inverse, _ = lapack.dpotri(L, lower=1)  # its lower half
        inverse += np.tril(inverse, -1).T
        alpha = inverse @ data.y
        W = inverse - np.outer(alpha, alpha)  # twice the derivative of the loss by K
        # dM / d log length_k = signal * 5/3 (1 + r) exp(-r) * (z_k - z'_k)^2
        G = 5 / 3 * W * (1 + R) * E
        gradient = np.empty(dimensions + 2)
        gradient[:dimensions] = G.sum(axis=1) @ Z**2 - (Z * (G @ Z)).sum(axis=0)
        gradient[dimensions] = 0.5 * np.vdot(W, M)
        gradient[dimensions + 1] = 0.5 * noise * np.trace(W)
        loss = 0.5 * data.y @ alpha + np.log(np.diag(L)).sum()
        off = (log_parameters - self._mean) / self._spread
        return float(loss + 0.5 * off @ off), gradient + off / self._spread

    def _unpacked(self, log_parameters: Array) -> tuple[Array, float, float]:
        *lengths, signal, noise = np.exp(log_parameters)
        return np.array(lengths), float(signal), float(noise)


@dataclass(frozen=True)
class Posterior:
    """The distribution of the function's values, given data."""

    _Z: Array
    _lengths: Array
    _signal: float
    _L: Array
    _half: Array  # inverse(L) @ y

    def at(self, X: Array) -> tuple[Array, Array]:
        """Return the mean and the standard deviation of the function at points."""
        K = self._signal * _matern(_distances(self._Z, X / self._lengths))
        V = solve_triangular(self._L, K, lower=True)
        variance = np.maximum(self._signal - np.einsum("ij,ij->j", V, V), 1e-10)
        return V.T @ self._half, np.sqrt(variance)


def _distances(A: Array, B: Array) -> Array:
    """Return the distances between the rows of A and B, times the root of 5."""
    squares = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1)[None, :] - 2 * A @ B.T
    found: Array = _ROOT_5 * np.sqrt(np.maximum(squares, 0.0))
    return found


def _matern(R: Array) -> Array:
    found: Array = (1 + R + R**2 / 3) * np.exp(-R)
    return found


def _cholesky(K: Array) -> Array:
    L, info = lapack.dpotrf(K, lower=1, clean=1)
    if info:
        raise LinAlgError("The covariance of the reports is not positive definite.")
    return np.asarray(L)
