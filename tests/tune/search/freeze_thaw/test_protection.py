"""Which trials run to their end whatever is predicted of them."""

import pytest

from segue.tune.search.freeze_thaw.choice import Choice, choose
from segue.tune.search.freeze_thaw.curve import Curve
from segue.tune.search.freeze_thaw.protection import protected
from tests.tune.search.freeze_thaw.curves import curve, point

FULL = 1000.0


def paused(count: int, first: int = 0, value: float = 5.0) -> list[Curve]:
    return [curve(first + n, [value]) for n in range(count)]


def whole(number: int, end: float) -> Curve:
    return curve(number, [9.0, 6.0, 3.0, end])


def numbers(curves: list[Curve]) -> list[int]:
    return [each.number for each in protected(curves)]


def test_every_twelfth_trial_does() -> None:
    assert numbers(paused(30)) == [11, 23]


@pytest.mark.parametrize(("end", "expected"), [(9.0, []), (5.0, []), (4.9, [0, 1, 2, 3])])
def test_a_trial_that_ends_below_what_others_have_now_has_the_oldest_checked(
    end: float, expected: list[int]
) -> None:
    assert numbers([*paused(8), whole(8, end)]) == expected


def test_most_of_the_others_have_less_than_a_trial_that_ends_well() -> None:
    others = [curve(n, [float(n)]) for n in range(9)]
    assert numbers([*others, whole(9, 7.5)]) == []  # the quantile is 7
    assert numbers([*others, whole(9, 6.5)]) == [0, 1, 2, 3]


def test_a_difference_within_the_noise_of_reports_is_no_sign() -> None:
    others = [*paused(6, value=-0.7), *paused(8, first=6, value=0.02)]  # the margin is .036
    assert numbers([*others, whole(14, 0.0)]) == [11]
    assert numbers([*others, whole(14, -0.03)]) == [0, 1, 2, 3, 11]


def test_the_oldest_are_checked_for_each_such_trial() -> None:
    bad = [whole(14, 1.0), whole(15, 2.0)]
    assert numbers([*paused(14), *bad]) == [0, 1, 2, 3, 4, 5, 6, 7, 11]


def test_checked_trials_and_those_of_rank_twelve_are_no_sign() -> None:
    level = [curve(n, [1.0] * 4) for n in range(4)]
    assert numbers([*level, *paused(5, first=4), whole(9, 1.0)]) == [0, 1, 2, 3]
    assert numbers([*paused(11), whole(11, 1.0)]) == [11]
    assert numbers([*paused(2), whole(2, 1.0), *paused(4, first=3)]) == [0, 1, 2]


def test_where_checked_trials_fall_a_trial_may_end_below_others() -> None:
    fallen = [curve(n, [6.0, 5.0, 4.0, 2.0]) for n in range(4)]
    others = paused(5, first=4)  # 5 at the first report, where the fallen had 6
    assert numbers([*fallen, *others, whole(9, 1.5)]) == [0, 1, 2, 3]
    assert numbers([*fallen, *others, whole(9, 1.5), whole(10, 1.5)]) == [0, 1, 2, 3]
    assert numbers([*fallen, *others, whole(9, 0.5), whole(10, 0.5)]) == list(range(8))


def test_nothing_is_a_sign_with_fewer_than_five_trials_to_compare_with() -> None:
    assert numbers([]) == []
    assert numbers([whole(n, -1.0) for n in range(4)]) == []
    assert numbers([*paused(4), whole(4, -1.0)]) == []
    assert numbers([*paused(5), whole(5, -1.0)]) == [0, 1, 2, 3]


def test_a_checked_trial_is_resumed_at_once_and_not_paused() -> None:
    begun = [*paused(8), whole(8, 1.0)]
    proposals = [point(0.5)]
    assert choose(begun, proposals, 9 * FULL, FULL) == Choice(0, is_check=True)
    assert choose(begun, proposals, 9 * FULL, FULL, last=3) == Choice(3)
    assert choose(begun, proposals, FULL / 2, FULL) is None
