"""Predicted ends: worked numbers, and laws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.tune.search.freeze_thaw.curve import Status
from segue.tune.search.freeze_thaw.ends import predicted_ends
from segue.tune.search.freeze_thaw.scores import normal_scores, shrunk
from tests.tune.search.freeze_thaw.curves import curve


def test_scores_are_normal_and_ties_share_them() -> None:
    # Quantiles of 1/6, 1/2 and 5/6 are -0.9674, 0 and 0.9674; their deviation is 0.7899.
    assert normal_scores(np.array([3.0, 9.0, 5.0])) == pytest.approx(
        [-1.2247, 1.2247, 0.0], abs=1e-4
    )
    assert normal_scores(np.array([1.0, 1.0, 1.0])).tolist() == [0.0, 0.0, 0.0]
    lower, other, best = normal_scores(np.array([1.0, 1.0, 2.0]))
    assert lower == other < 0 < best


def test_only_the_best_scores_matter() -> None:
    scores = shrunk(np.array([-1.2247, 0.0, 1.2247]))
    assert scores.mean() == pytest.approx(0)
    assert scores.std() == pytest.approx(1)
    assert scores[1] - scores[0] == pytest.approx(0.3 * (scores[2] - scores[1]))


def test_a_value_is_a_mean_over_a_fifth_of_the_trial_within_its_stage() -> None:
    found = curve(0, [1.0, 3.0, 5.0, 10.0], ends=(300.0, 1000.0), interval=100.0)
    # 200 steps before the report count: at 400, the reports at 200 and 300 are of another stage.
    assert found.smoothed == (1.0, 2.0, 3.0, 10.0)
    assert curve(0, [1.0, math.nan], interval=100.0).smoothed == (1.0, -math.inf)


def test_a_trial_gains_what_a_similar_one_gained() -> None:
    ended = curve(0, [1.0, 2.0, 3.0, 4.0])
    assert predicted_ends([ended, curve(1, [1.0])]).values.tolist() == [4.0, 4.0]
    assert predicted_ends([ended, curve(1, [1.0, 3.0])]).values.tolist() == [4.0, 5.0]


def test_gains_are_weighted_by_the_distance_of_scores() -> None:
    # After the first report the scores are -1.2247, 0 and 1.2247; half of one is the width.
    low = curve(0, [1.0, 1.0], interval=500.0)
    high = curve(1, [3.0, 7.0], interval=500.0)
    middle = curve(2, [2.0], interval=500.0)
    nearer = curve(2, [2.9], interval=500.0)
    assert predicted_ends([low, high, middle]).values == pytest.approx([1.0, 7.0, 4.0])
    # Ranks count, not values: the same gain from 2.9.
    assert predicted_ends([low, high, nearer]).values[2] == pytest.approx(4.9)
    tied = predicted_ends([low, high, curve(2, [3.0], interval=500.0)]).values[2]
    weight = math.exp(-0.5 * ((1.5 * 2**0.5) / 0.5) ** 2)  # scores -1.4142, 0.7071, 0.7071
    assert tied == pytest.approx(3.0 + 4.0 / (1 + weight))


def test_a_prediction_is_uncertain_as_the_gains_differ() -> None:
    # Two equally similar trials gained 1 and 5: variance 4, and half of the 4 of all; n is 2.
    curves = [curve(0, [2.0, 3.0], interval=500.0), curve(1, [2.0, 7.0], interval=500.0)]
    found = predicted_ends([*curves, curve(2, [2.0], interval=500.0)])
    assert found.values.tolist() == [3.0, 7.0, 5.0]
    assert found.spreads == pytest.approx([0.0, 0.0, ((4 + 0.5 * 4) * 1.5) ** 0.5])
    # One alone says nothing of how others differ.
    assert predicted_ends([curves[0], curve(1, [2.0], interval=500.0)]).spreads.tolist() == [0, 0]


def test_gains_across_another_boundary_count_a_fifth() -> None:
    in_first = curve(0, [1.0, 2.0], ends=(900.0, 1000.0), interval=500.0)
    ended = curve(0, [1.0, 2.0], Status.ENDED, ends=(900.0, 1000.0), interval=500.0)
    across = curve(1, [1.0, 5.0], ends=(600.0, 1000.0), interval=500.0)
    paused = curve(2, [1.0], ends=(600.0, 1000.0), interval=500.0)
    assert predicted_ends([ended, across, paused]).values[2] == pytest.approx(1.0 + (1 + 4) / 2)
    early = replace(across, stage_ends=(400.0, 1000.0))
    # The gain within the second stage counts a fifth of that across the boundary.
    mixed = predicted_ends([early, in_first, paused]).values[2]
    assert mixed == pytest.approx(1.0 + (1 + 0.2 * 4) / 1.2)


@pytest.mark.parametrize("values", [[math.nan], [1.0, math.inf], [math.nan] * 4])
def test_a_value_that_is_not_finite_is_the_worst(values: list[float]) -> None:
    found = predicted_ends(
        [curve(0, [2.0, 2.0, 2.0, 2.0]), curve(1, [3.0] * 4), curve(2, values)]
    ).values
    assert np.isfinite(found).all()
    assert found[2] == min(found)


def test_one_trial_and_trials_without_a_finite_value() -> None:
    assert predicted_ends([curve(0, [2.0])]).values.tolist() == [2.0]
    without = [curve(0, [math.nan]), curve(1, [math.nan])]
    assert predicted_ends(without).values.tolist() == [0.0, 0.0]


@given(st.lists(st.lists(st.floats(-9, 9), min_size=1, max_size=4), min_size=1, max_size=9))
def test_order_does_not_matter_and_known_ends_stay(values: list[list[float]]) -> None:
    curves = [curve(number, each) for number, each in enumerate(values)]
    found = predicted_ends(curves).values
    assert predicted_ends(curves[::-1]).values[::-1] == pytest.approx(found)
    for one, end in zip(curves, found, strict=True):
        if one.status == Status.ENDED:
            assert end == one.values[-1]


def test_trials_of_other_lengths_and_intervals_are_compared_by_shares() -> None:
    short = curve(0, [1.0, 2.0, 3.0, 4.0], ends=(400.0,), interval=100.0)
    long = curve(1, [1.0], ends=(4000.0,), interval=1000.0)
    assert predicted_ends([short, long]).values.tolist() == [4.0, 4.0]
    ended_early = curve(2, [1.0], Status.ENDED, ends=(250.0,))
    assert predicted_ends([short, ended_early]).values[1] == 1.0
