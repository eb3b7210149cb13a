from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from ray import tune

from segue.plan.spaces.domains import grid_points
from segue.tune.search.domains import SearchSpace


@pytest.mark.parametrize(
    ("domain", "distribution"),
    [
        (tune.uniform(0, 1), FloatDistribution(0.0, 1.0)),
        (tune.loguniform(1e-4, 1e-1), FloatDistribution(1e-4, 1e-1, log=True)),
        (tune.quniform(0, 0.9, 0.3), FloatDistribution(0.0, 0.9, step=0.3)),
        (tune.quniform(0, 3 * 0.1, 0.1), FloatDistribution(0.0, 0.3, step=0.1)),
        (tune.randint(2, 5), IntDistribution(2, 4)),
        (tune.lograndint(1, 10), IntDistribution(1, 9, log=True)),
        (tune.qrandint(0, 10, 5), IntDistribution(0, 10, step=5)),
        (tune.qrandint(0, 10, 4), IntDistribution(0, 8, step=4)),
        (tune.choice(["a", None, 2]), CategoricalDistribution(["a", None, 2])),
        (tune.grid_search([0.8, 0.9]), CategoricalDistribution([0.8, 0.9])),
    ],
)
def test_each_domain_has_its_distribution(domain: Any, distribution: Any) -> None:
    assert SearchSpace.of({"x": domain}).distributions == {"x": distribution}


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        (
            tune.sample_from(lambda spec: 1),
            "'x' is a Function domain that Optuna cannot propose from: use uniform",
        ),
        (tune.randn(0, 1), "'x' is a Float domain"),
        (tune.qloguniform(0.1, 1.0, 0.1), "'x' is both logarithmic and quantised"),
        (tune.qlograndint(2, 8, 2), "drop the q, or list the values in a choice"),
    ],
    ids=["sample_from", "randn", "qloguniform", "qlograndint"],
)
def test_what_optuna_cannot_propose_is_refused_by_name(domain: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SearchSpace.of({"x": domain})


def test_values_that_a_study_cannot_hold_are_labelled_and_come_back_as_they_were() -> None:
    def schedule() -> float:
        return 1.0

    values = [[64, 64], schedule, {"kind": "linear"}, None]
    space = SearchSpace.of({"x": tune.choice(values), "always": 3})
    recorded = [space.recorded({"x": value})[0]["x"] for value in values]
    assert recorded[0] == "0: [64, 64]"
    assert recorded[3] == "3: null"
    assert all(isinstance(label, str) for label in recorded)
    for label, value in zip(recorded, values, strict=True):
        assert space.parameters({"x": label}) == {"x": value, "always": 3}
    assert space.parameters({"x": recorded[1]})["x"] is schedule


def test_equal_values_of_different_kinds_stay_apart() -> None:
    space = SearchSpace.of({"x": tune.choice([1, True, 1.0])})
    assert space.distributions == {"x": CategoricalDistribution(["0: 1", "1: true", "2: 1.0"])}
    assert [type(space.parameters({"x": label})["x"]) for label in space.categories["x"]] == [
        int,
        bool,
        float,
    ]


def test_every_point_of_a_grid_survives_recording() -> None:
    space = {"a": tune.grid_search([[1], [2]]), "b": tune.grid_search([0.8, None]), "c": "constant"}
    points = grid_points(space)
    search = SearchSpace.of(space)
    assert points is not None
    assert [search.parameters(search.recorded(point)[0]) for point in points] == points
