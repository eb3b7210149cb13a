from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from ray import tune

from segue.plan.spaces.domains import domain_corners, grid_points, plain_space
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
        (tune.qrandint(64, 300, 64), IntDistribution(64, 256, step=64)),
        (tune.qrandint(10, 300, 64), IntDistribution(64, 256, step=64)),  # multiples of 64
        (tune.qrandint(2, 5, 1), IntDistribution(2, 4)),  # as Ray has it for steps of 1
        (tune.quniform(128, 512, 128), FloatDistribution(128.0, 512.0, step=128.0)),
        (tune.choice(["a", None, 2]), CategoricalDistribution(["a", None, 2])),
        (tune.grid_search([0.8, 0.9]), CategoricalDistribution([0.8, 0.9])),
    ],
)
def test_each_domain_has_its_distribution(domain: Any, distribution: Any) -> None:
    assert SearchSpace.of({"x": domain}).distributions == {"x": distribution}


@pytest.mark.parametrize(
    "domain",
    [
        tune.uniform(0, 1),
        tune.loguniform(1, 10),
        tune.quniform(128, 512, 128),
        tune.quniform(0, 3 * 0.1, 0.1),
        tune.randint(2, 5),
        tune.lograndint(1, 10),
        tune.qrandint(64, 300, 64),
        tune.qrandint(2, 5, 1),
    ],
)
def test_corners_are_the_ends_of_the_distribution_in_the_types_that_are_proposed(
    domain: Any,
) -> None:
    space = {"x": domain}
    distribution = SearchSpace.of(space).distributions["x"]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    found = [corner["x"] for corner in domain_corners(space)]
    assert found == [distribution.low, distribution.high]
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    proposed = SearchSpace.of(space).ask(study).params["x"]
    assert {type(value) for value in found} == {type(proposed)}


@pytest.mark.parametrize(
    ("domain", "value", "recorded"),
    [
        (tune.randint(128, 512), 256.0, 256),
        (tune.randint(128, 512), np.int64(256), 256),
        (tune.uniform(0, 2), 1, 1.0),
        (tune.loguniform(1e-4, 1), np.float64(1e-3), 1e-3),
        (tune.quniform(0, 1, 0.1), 0.3, 3 * 0.1),  # as it is proposed
        (tune.choice([64, 128]), 64.0, 64),
        (tune.choice([64, 128]), np.int32(64), 64),
        (tune.choice([[64], [128]]), [64], "0: [64]"),
    ],
)
def test_a_value_of_a_point_becomes_what_would_be_proposed(
    domain: Any, value: Any, recorded: Any
) -> None:
    found = SearchSpace.of({"x": domain}).recorded({"x": value})[0]["x"]
    assert (found, type(found)) == (recorded, type(recorded))


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (tune.randint(128, 512), 256.5),
        (tune.randint(128, 512), 512),
        (tune.randint(0, 2), True),
        (tune.uniform(0, 2), "1"),
        (tune.uniform(0, 2), float("nan")),
        (tune.quniform(0, 1, 0.1), 0.25),
        (tune.qrandint(64, 300, 64), 300),
        (tune.choice([64, 128]), 96),
    ],
)
def test_a_value_that_would_never_be_proposed_is_refused(domain: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="of 'x' is not in the space"):
        SearchSpace.of({"x": domain}).recorded({"x": value})


def test_a_point_in_steps_is_the_number_that_is_proposed() -> None:
    space = SearchSpace.of({"x": tune.quniform(0.1, 0.9, 0.1), "n": tune.qrandint(64, 512, 64)})
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    for _ in range(30):
        proposed = space.ask(study).params
        assert space.recorded(proposed)[0] == proposed
        typed = {"x": round(proposed["x"], 2), "n": float(proposed["n"])}
        assert space.recorded(typed)[0] == proposed


def test_numpy_scalars_are_recorded_as_numbers() -> None:
    for values in (list(np.logspace(-4, -2, 3)), np.logspace(-4, -2, 3)):
        space = plain_space({"lr": tune.grid_search(values)})
        assert SearchSpace.of(space).distributions == {
            "lr": CategoricalDistribution([1e-4, 1e-3, 1e-2])
        }
    kinds = plain_space({"x": tune.choice([np.int64(1), np.bool_(False), np.str_("a"), 0.5])})
    assert [type(value) for value in kinds["x"].categories] == [int, bool, str, float]
    assert type(plain_space({"x": np.float32(0.5)})["x"]) is float


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
    assert [type(space.parameters({"x": label})["x"]) for label in space.proposals["x"].labels] == [
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
