import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.bins import evenly_distribute_count_into_bins


def test_worked_by_hand():
    assert evenly_distribute_count_into_bins(count=10, nbins=3) == [4, 3, 3]
    assert evenly_distribute_count_into_bins(3, 3) == [1, 1, 1]
    assert evenly_distribute_count_into_bins(7, 1) == [7]


@given(
    st.integers(1, 200).flatmap(lambda nbins: st.tuples(st.integers(nbins, 10_000), st.just(nbins)))
)
def test_bins_are_positive_sum_to_the_count_and_differ_by_at_most_one(case):
    count, nbins = case
    bins = evenly_distribute_count_into_bins(count, nbins)
    assert len(bins) == nbins
    assert sum(bins) == count
    assert min(bins) >= 1
    assert max(bins) - min(bins) <= 1


@pytest.mark.parametrize(("count", "nbins"), [(2, 3), (0, 1), (-4, 2), (4, 0), (4, -1)])
def test_impossible_counts_are_refused(count, nbins):
    with pytest.raises(ValueError, match="must be at least"):
        evenly_distribute_count_into_bins(count, nbins)


@pytest.mark.parametrize(("count", "nbins"), [(2.0, 1), (4, "2"), (True, 1), (3, None)])
def test_what_is_not_a_whole_number_is_refused(count, nbins):
    with pytest.raises(TypeError, match="must be a whole number"):
        evenly_distribute_count_into_bins(count, nbins)
