"""Intervals and expectations: worked numbers, laws, and the package that the literature uses."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.sweeps.aggregate import aggregate_seeds
from segue.report.data.statistics import (
    expected_best,
    iqm,
    iqm_interval,
    probability_of_improvement,
)

values = st.lists(st.floats(-100, 100), min_size=1, max_size=12)


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end() -> None:
    assert iqm(np.array([1.0, 2.0, 3.0, 100.0])) == 2.5
    assert iqm(np.array([5.0, 1.0, 100.0])) == pytest.approx(106 / 3)


@given(values)
def test_it_is_what_the_sweep_aggregates(listed: list[float]) -> None:
    assert float(iqm(np.array(listed))) == pytest.approx(aggregate_seeds(listed, "iqm"), abs=1e-9)


def test_a_better_configuration_is_better_with_probability_one() -> None:
    assert probability_of_improvement([3.0, 4.0], [1.0, 2.0]) == (1.0, 1.0, 1.0)
    assert probability_of_improvement([3.0, 4.0], [1.0, 2.0], "min") == (0.0, 0.0, 0.0)
    assert (
        probability_of_improvement([1.0, 3.0], [2.0, 3.0]).value == 0.375
    )  # of four pairs one and a tie


@given(values, values)
def test_improvement_one_way_is_what_is_left_of_the_other(
    one: list[float], other: list[float]
) -> None:
    there = probability_of_improvement(one, other).value
    back = probability_of_improvement(other, one).value
    assert there + back == pytest.approx(1.0)
    assert probability_of_improvement(one, other, "min").value == pytest.approx(back)


def as_array(metric: Callable[..., float]) -> Callable[..., np.ndarray]:
    """A metric of the package's, as it wants one: an array of one number."""
    return lambda *runs: np.array([metric(*runs)])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the package's own imports
def test_intervals_are_those_of_rliable() -> None:
    from rliable import library, metrics

    generator = np.random.default_rng(0)
    one = generator.normal(1.0, 1.0, 10)
    other = generator.normal(0.0, 1.0, 10)
    scores = {"one": one[:, None], "other": other[:, None]}
    points, intervals = library.get_interval_estimates(
        scores, as_array(metrics.aggregate_iqm), reps=1000
    )
    for name, runs in (("one", one), ("other", other)):
        mine = iqm_interval(runs)
        assert mine.value == pytest.approx(float(points[name][0]))
        assert mine[1:] == pytest.approx(tuple(intervals[name].ravel()), abs=0.12)
    pairs = {"pair": (one[:, None], other[:, None])}
    improvement = as_array(metrics.probability_of_improvement)
    points, intervals = library.get_interval_estimates(pairs, improvement, reps=1000)
    mine = probability_of_improvement(one, other)
    assert mine.value == pytest.approx(float(points["pair"][0]))
    assert mine[1:] == pytest.approx(tuple(intervals["pair"].ravel()), abs=0.06)


def test_the_expected_best_is_the_mean_over_all_draws() -> None:
    listed = [1.0, 2.0, 5.0]
    for k in (1, 2, 3):
        draws = [max(draw) for draw in itertools.product(listed, repeat=k)]
        assert expected_best(listed)[0, k - 1] == pytest.approx(sum(draws) / len(draws))
        draws = [min(draw) for draw in itertools.product(listed, repeat=k)]
        assert expected_best(listed, "min")[0, k - 1] == pytest.approx(sum(draws) / len(draws))


@given(values)
def test_more_trials_never_find_less(listed: list[float]) -> None:
    value, low, high = expected_best(listed)
    assert (np.diff(value) >= -1e-9).all() and value[-1] <= max(listed) + 1e-9
    assert (low <= high + 1e-9).all()


def test_the_band_of_a_wider_spread_is_wider() -> None:
    narrow = expected_best(np.linspace(0, 1, 20))
    wide = expected_best(np.linspace(0, 10, 20))
    assert wide[2, 0] - wide[1, 0] > 5 * (narrow[2, 0] - narrow[1, 0])
