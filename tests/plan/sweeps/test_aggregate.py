import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.sweeps.aggregate import AGGREGATES, aggregate_seeds

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


def test_worked_numbers() -> None:
    values = [4.0, -100.0, 1.0, 2.0, 3.0, 500.0, 0.0, 5.0]
    assert aggregate_seeds(values) == sum(values) / 8
    assert aggregate_seeds(values, "iqm") == (1 + 2 + 3 + 4) / 4
    assert aggregate_seeds(values, "worst") == -100.0
    assert aggregate_seeds(values, "worst", "min") == 500.0


@given(numbers)
def test_the_interquartile_mean_of_few_seeds_is_the_mean(values: list[float]) -> None:
    assert aggregate_seeds(values[:3], "iqm") == pytest.approx(aggregate_seeds(values[:3]))


@given(numbers, st.sampled_from(AGGREGATES), st.permutations(range(20)))
def test_order_does_not_matter_and_the_result_lies_between(
    values: list[float], how: str, order: list[int]
) -> None:
    shuffled = [values[i] for i in order if i < len(values)]
    found = aggregate_seeds(values, how)  # type: ignore[arg-type]
    assert found == aggregate_seeds(shuffled, how)  # type: ignore[arg-type]
    assert min(values) - 1e-6 <= found <= max(values) + 1e-6


@pytest.mark.parametrize("how", AGGREGATES)
def test_a_nan_makes_the_aggregate_nan(how: str) -> None:
    assert math.isnan(aggregate_seeds([1.0, math.nan, 2.0, 3.0, 4.0], how))  # type: ignore[arg-type]
