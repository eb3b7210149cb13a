"""Points as numbers, and the Gaussian process over them."""

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from segue.tune.search.freeze_thaw.curve import Proposal
from segue.tune.search.freeze_thaw.gaussian_process import Data, GaussianProcess
from segue.tune.search.freeze_thaw.points import at_quantile, unit_vectors


def test_numbers_are_quantiles_and_categories_one_hot() -> None:
    space: dict[str, BaseDistribution] = {
        "a_log": FloatDistribution(1e-4, 1e-2, log=True),
        "b_linear": FloatDistribution(-1.0, 3.0),
        "c_whole": IntDistribution(1, 4),
        "d_whole_log": IntDistribution(1, 8, log=True),
        "e_stepped": FloatDistribution(0.0, 1.0, step=0.5),
        "f_choice": CategoricalDistribution(["x", "y", None]),
        "g_constant": FloatDistribution(2.0, 2.0),
    }
    first = Proposal(
        {
            "a_log": 1e-3,
            "b_linear": 0.0,
            "c_whole": 1,
            "d_whole_log": 1,
            "e_stepped": 0.5,
            "f_choice": None,
            "g_constant": 2.0,
        },
        space,
    )
    outside = Proposal(first.parameters | {"a_log": 1.0, "c_whole": 4, "f_choice": "x"}, space)
    whole_log = np.log(2) / np.log(17)
    assert unit_vectors([first, outside]) == pytest.approx(
        np.array(
            [
                [0.5, 0.25, 0.125, whole_log, 0.5, 0, 0, 1],
                [1.0, 0.25, 0.875, whole_log, 0.5, 1, 0, 0],
            ]
        )
    )


def test_a_parameter_of_another_branch_is_in_the_middle_and_marked() -> None:
    both = {"depth": IntDistribution(1, 2), "lr": FloatDistribution(0.0, 1.0)}
    with_depth = Proposal({"depth": 2, "lr": 0.2}, both)
    without = Proposal({"lr": 0.4}, {"lr": both["lr"]})
    assert unit_vectors([with_depth, without]).tolist() == [[0.75, 1.0, 0.2], [0.5, 0.0, 0.4]]
    assert unit_vectors([Proposal({}, {})]).shape == (1, 1)


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(1e-4, 1e-2, log=True),
        FloatDistribution(-1.0, 3.0),
        FloatDistribution(0.0, 1.0, step=0.25),
        IntDistribution(3, 9, step=2),
        IntDistribution(1, 64, log=True),
        CategoricalDistribution(["x", "y", None]),
    ],
    ids=repr,
)
def test_values_at_uniform_quantiles_are_spread_as_the_space_says(
    distribution: BaseDistribution,
) -> None:
    values = [at_quantile(distribution, (n + 0.5) / 600) for n in range(600)]
    assert all(distribution._contains(distribution.to_internal_repr(value)) for value in values)
    X = unit_vectors([Proposal({"x": value}, {"x": distribution}) for value in values])
    expected = 1 / 3 if isinstance(distribution, CategoricalDistribution) else 0.5
    assert X.mean(axis=0) == pytest.approx(expected, abs=0.01)


def some_data(count: int = 30, dimensions: int = 3) -> Data:
    draw = np.random.default_rng(0)
    X = draw.random((count, dimensions))
    y = np.sin(4 * X[:, 0]) + X[:, 1] + 0.1 * draw.normal(size=count)
    return Data(X, (y - y.mean()) / y.std(), np.linspace(0.0, 1.5, count))


def test_the_gradient_is_that_of_the_density() -> None:
    data = some_data()
    process = GaussianProcess(3)
    at = process.log_parameters + np.array([0.1, -0.2, 0.3, 0.1, -0.1])
    _, gradient = process._loss(at, data)
    step = 1e-5
    numeric = [
        (process._loss(at + step * axis, data)[0] - process._loss(at - step * axis, data)[0])
        / (2 * step)
        for axis in np.eye(5)
    ]
    assert gradient == pytest.approx(numeric, abs=1e-6)


def test_the_posterior_is_that_of_scikit_learn() -> None:
    data = some_data()
    process = GaussianProcess(3)
    process.fit(data)
    *lengths, signal, noise = np.exp(process.log_parameters)
    kernel = ConstantKernel(signal, "fixed") * Matern(lengths, "fixed", nu=2.5)
    other = GaussianProcessRegressor(kernel, alpha=noise + data.variance + 1e-8, optimizer=None)
    other.fit(data.X, data.y)
    Z = np.random.default_rng(1).random((50, 3))
    mean, deviation = process.condition(data).at(Z)
    expected, expected_deviation = other.predict(Z, return_std=True)
    assert mean == pytest.approx(expected, abs=1e-6)
    assert deviation == pytest.approx(expected_deviation, abs=1e-6)


def test_the_fit_finds_the_dimensions_that_matter() -> None:
    process = GaussianProcess(3)
    before = process._loss(process.log_parameters, some_data(100))[0]
    process.fit(some_data(100))
    assert process._loss(process.log_parameters, some_data(100))[0] < before
    assert process.log_parameters[0] < process.log_parameters[2]  # the third one does nothing
