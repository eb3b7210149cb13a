import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.criteria.criterion import NeverEarlyStoppingCriterion
from segue.plan.criteria.metrics import AllOf, AnyOf, NearOptimal, Plateau, Reached
from segue.plan.tracker import ScalarMeanTracker
from tests.plan.conformance import check_criterion, check_value

MAKERS = [
    lambda: Reached("success", 0.5),
    lambda: Reached("success", 0.5, mode="min"),
    lambda: Plateau("success", 3),
    lambda: Plateau("success", 2, delta=0.005, mode="min"),
    lambda: NearOptimal(0.5, 0.01, memory=3, metric="success"),
    lambda: AnyOf((Reached("success", 0.515), Plateau("success", 5))),
    lambda: AllOf([Plateau("success", 2), NearOptimal(0.5, 0.1, 4, "success")]),
]


def interval(**means):
    tracker = ScalarMeanTracker()
    tracker.add_scalars(means)
    return tracker


def answers(criterion, values, metric="success"):
    """Return a criterion's results over intervals; None is an interval without the metric."""
    intervals = [interval() if value is None else interval(**{metric: value}) for value in values]
    return [criterion(100 * step, 100 * step, seen) for step, seen in enumerate(intervals, start=1)]


@pytest.mark.parametrize("make", MAKERS)
def test_conformance(make):
    check_criterion(make, {"success": 0.5})


def test_reached_is_a_value():
    check_value(Reached("success", 0.9))
    check_value(AnyOf((Reached("success", 0.9), NeverEarlyStoppingCriterion())))


def test_reached_looks_at_one_interval():
    assert answers(Reached("success", 0.9), [0.5, None, 0.9, 0.89]) == [False, False, True, False]
    assert answers(Reached("length", 10, mode="min"), [11, 10, 9], "length") == [False, True, True]


def test_plateau_waits_for_its_patience_and_restarts_at_an_improvement():
    assert answers(Plateau("success", 2), [0.1, 0.1, 0.2, 0.2, None, 0.2]) == [
        False,
        False,
        False,
        False,
        False,
        True,
    ]
    assert answers(Plateau("success", 2, delta=0.1), [0.1, 0.15, 0.2]) == [False, False, True]
    assert answers(Plateau("loss", 1, mode="min"), [3, 2, 2.5], "loss") == [False, False, True]


def test_near_optimal_averages_over_its_memory():
    near = NearOptimal(1.0, 0.1, memory=2, metric="success")
    assert answers(near, [1.0, 0.7, 0.95, None, 0.95]) == [False, False, False, False, True]
    assert answers(NearOptimal(500, 5), [496], "return") == [True]


def test_any_and_all_ask_every_criterion_at_every_interval():
    pair = (Reached("success", 0.5), Plateau("success", 2))
    assert answers(AnyOf(pair), [0.4, 0.5, 0.3, 0.3]) == [False, True, False, True]
    pair = (Reached("success", 0.3), Plateau("success", 2))
    assert answers(AllOf(pair), [0.4, 0.3, 0.2, 0.3]) == [False, False, False, True]


@given(st.lists(st.floats(-10, 10), max_size=12), st.integers(1, 4))
def test_a_plateau_is_reached_exactly_after_patience_intervals_without_a_new_best(values, patience):
    since_best = 0
    best = None
    expected = []
    for value in values:
        since_best = 0 if best is None or value > best else since_best + 1
        best = value if best is None else max(best, value)
        expected.append(since_best >= patience)
    assert answers(Plateau("success", patience), values) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Reached("success", float("nan")), "value of Reached must be finite"),
        (lambda: Reached("", 1.0), "metric of Reached must not be empty"),
        (lambda: Reached("success", 1.0, mode="up"), "'up'"),
        (lambda: Plateau("success", 0), "patience of Plateau must be at least 1"),
        (lambda: Plateau("success", 1, delta=-0.1), "delta of Plateau must not be negative"),
        (lambda: NearOptimal(1.0, -1.0), "deviation of NearOptimal must not be negative"),
        (lambda: NearOptimal(1.0, 0.1, memory=0), "memory of NearOptimal must be at least 1"),
        (lambda: AnyOf(()), "AnyOf has no criteria"),
        (lambda: AllOf([Reached]), "AllOf takes criteria"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_state_of_other_criteria_is_refused():
    with pytest.raises(ValueError, match="AnyOf has 1 criteria, but the state has 2"):
        AnyOf([Plateau("a", 1)]).load_state_dict({"criteria": [{}, {}]})
