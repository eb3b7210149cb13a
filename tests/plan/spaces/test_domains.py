import itertools
from functools import partial
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from ray import tune

from segue.plan.spaces.checks import check_space
from segue.plan.spaces.domains import (
    describe_entry,
    domain_corners,
    grid_points,
    is_domain,
    is_grid,
)
from segue.plan.values.builder import Builder

DOMAINS = {
    "choice": (tune.choice([5, 6, 7]), [5, 6, 7]),
    "one choice": (tune.choice(["only"]), ["only"]),
    "uniform": (tune.uniform(0.9, 1.0), [0.9, 1.0]),
    "quniform": (tune.quniform(0.0, 1.0, 0.25), [0.0, 1.0]),
    "loguniform": (tune.loguniform(1e-4, 1e-1), [1e-4, 1e-1]),
    "qloguniform": (tune.qloguniform(1.0, 8.0, 0.5), [1.0, 8.0]),
    "randint": (tune.randint(1, 5), [1, 4]),
    "lograndint": (tune.lograndint(1, 100), [1, 99]),
    "qrandint": (tune.qrandint(2, 8, 2), [2, 8]),
    "qlograndint": (tune.qlograndint(2, 8, 2), [2, 8]),
    "grid": (tune.grid_search([3, 1, 2]), [3, 1, 2]),
    "constant": (0.5, [0.5]),
    "constant list": ([64, 64], [[64, 64]]),
}


@pytest.mark.parametrize(("entry", "ends"), DOMAINS.values(), ids=DOMAINS)
def test_corners_of_each_domain(entry, ends):
    check_space({"x": entry})
    assert domain_corners({"x": entry}) == [{"x": end} for end in ends]


@pytest.mark.parametrize(("entry", "ends"), DOMAINS.values(), ids=DOMAINS)
def test_corners_lie_in_their_domain(entry, ends):
    assert not is_domain(entry) or all(entry.is_valid(end) for end in ends)


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("choice", {"choice": [5, 6, 7]}),
        ("uniform", {"uniform": [0.9, 1.0]}),
        ("quniform", {"quniform": [0.0, 1.0, 0.25]}),
        ("loguniform", {"loguniform": [1e-4, 1e-1]}),
        ("qloguniform", {"qloguniform": [1.0, 8.0, 0.5]}),
        ("randint", {"randint": [1, 5]}),
        ("lograndint", {"lograndint": [1, 100]}),
        ("qrandint", {"qrandint": [2, 8, 2]}),
        ("qlograndint", {"qlograndint": [2, 8, 2]}),
        ("grid", {"grid_search": [3, 1, 2]}),
        ("constant", 0.5),
        ("constant list", [64, 64]),
    ],
)
def test_each_domain_is_described_by_the_call_that_makes_it(name, description):
    assert describe_entry(DOMAINS[name][0]) == description


def test_all_corners_of_a_small_space():
    space = {"a": tune.uniform(0, 1), "b": tune.choice("xyz"), "c": 7}
    assert domain_corners(space) == [
        {"a": a, "b": b, "c": 7} for a, b in itertools.product([0, 1], "xyz")
    ]


@pytest.mark.parametrize(("count", "expected"), [(6, 64), (7, 16), (20, 42), (40, 64)])
def test_at_most_64_different_corners(count, expected):
    points = domain_corners({f"x{i}": tune.uniform(0, 1) for i in range(count)})
    assert len(points) == expected
    assert len({tuple(point.values()) for point in points}) == len(points)
    assert {0, 1} == {value for point in points for value in point.values()}
    assert points == domain_corners({f"x{i}": tune.uniform(0, 1) for i in range(count)})


def test_every_value_of_a_choice_is_in_a_corner_and_long_ones_leave_room_for_others():
    space = {"a": tune.choice(list(range(40))), "b": tune.choice("xyz"), "c": tune.uniform(0, 1)}
    points = domain_corners(space)
    assert len(points) < 64
    assert {point["a"] for point in points} == set(range(40))
    assert {point["b"] for point in points} == set("xyz")
    long = domain_corners(space | {"a": tune.choice(list(range(400)))})
    assert len(long) == 64 and {point["c"] for point in long} == {0, 1}


@given(
    st.lists(st.lists(st.integers(), min_size=1, max_size=4, unique=True), min_size=1, max_size=4)
)
def test_a_grid_has_every_point_once(lists):
    points = grid_points({f"x{i}": tune.grid_search(values) for i, values in enumerate(lists)})
    assert [tuple(point.values()) for point in points] == list(itertools.product(*lists))


def test_a_grid_may_have_constants_and_no_other_domain():
    assert grid_points({"a": tune.grid_search([1, 2]), "b": "c"}) == [
        {"a": 1, "b": "c"},
        {"a": 2, "b": "c"},
    ]
    assert grid_points({"a": tune.grid_search([1, 2]), "b": tune.choice([1])}) is None
    assert grid_points({"a": 1}) is None


def test_a_dictionary_is_a_constant():
    assert not is_grid({"a": 1})
    assert domain_corners({"x": {"a": 1}}) == [{"x": {"a": 1}}]
    check_space({"x": {"a": [1, {"b": 2}]}, "y": MappingProxyType({})})


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (tune.grid_search([]), "grid of 'x' has no values"),
        (tune.choice([]), "choice of 'x' has no values"),
        (tune.grid_search([1, 2, 1.0]), "grid of 'x' lists 1.0 twice"),
        ({"grid_search": "abc"}, "grid of 'x' must be a list of values, got 'abc'"),
        ({"grid_search": 3}, "grid of 'x' must be a list of values, got 3"),
        (tune.uniform(1.0, 0.5), "domain of 'x' is empty, from 1.0 to 0.5"),
        (tune.randint(3, 3), "domain of 'x' is empty, from 3 to 2"),
        (tune.randn(0, 1), "domain of 'x' does not have two finite ends"),
        (tune.sample_from(lambda spec: 3), "domain of 'x' does not have two finite ends"),
        ({"a": tune.uniform(0, 1)}, "'x' contains a domain inside"),
        ([1, {"b": tune.grid_search([1])}], "'x' contains a domain inside"),
        (
            tune.choice([0.0, tune.quniform(0.05, 0.4, 0.05)]),
            r"The choice of 'x' contains a domain inside a value \(Float\), where nothing is drawn",
        ),
        (tune.grid_search([tune.choice([1]), 2]), "The grid of 'x' contains a domain inside"),
        (tune.choice([Builder(dict, {"lr": tune.uniform(0, 1)})]), "'x' contains a domain inside"),
        (partial(dict, lr=tune.uniform(0, 1)), "'x' contains a domain inside"),
        (FloatDistribution(0, 1), r"'x' contains a domain inside a value \(FloatDistribution\)"),
        (tune.choice([0.9, 0.8, 0.9]), "choice of 'x' lists 0.9 twice"),
        (tune.qrandint(65, 100, 64), "domain of 'x' has no multiple of 64 between 65 and 100"),
    ],
)
def test_entries_from_which_nothing_can_be_proposed_are_refused(entry, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_space({"y": 1, "x": entry})


def test_logarithms_need_numbers_above_zero():
    domain = tune.loguniform(1e-4, 1.0)
    domain.lower = 0.0
    with pytest.raises(ValueError, match="domain of 'x' is logarithmic"):
        check_space({"x": domain})


def test_an_empty_space_is_refused():
    with pytest.raises(ValueError, match="The space is empty"):
        check_space({})
