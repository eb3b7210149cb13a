"""The pipelines at the corners of a space: built once, and only read."""

from typing import Any

import pytest
from ray import tune

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.corners import Corners
from segue.plan.values.describe import describe
from segue.tune.checks import check_sweep
from tests.tune.support.doubles import MIXED, make_sweep, pipeline


def test_a_check_builds_the_pipeline_of_each_corner_once() -> None:
    built: list[Any] = []

    def counted(first_steps: int, lr: float, gae_lambda: float) -> Any:
        built.append((first_steps, lr, gae_lambda))
        return pipeline(first_steps, lr, gae_lambda)

    sweep = make_sweep(pipeline=counted, scheduler="asha")
    built.clear()
    checked = check_sweep(sweep)
    assert len(built) == len(sweep.corners()) == len(checked.corners.pipelines)


def test_a_check_leaves_the_pipelines_as_they_were_built() -> None:
    sweep = make_sweep(scheduler="pbt")
    found = check_sweep(sweep).corners.pipelines
    built = Corners.of(sweep).pipelines
    assert [describe(each.to_dict()) for each in found] == [
        describe(each.to_dict()) for each in built
    ]


def test_a_value_in_the_middle_of_a_grid_that_cannot_be_trained_is_named() -> None:
    def minibatches(n: int) -> Any:
        known = pipeline(400, 1e-3, 0.9)
        return TrainingPipeline(
            known.named_losses,
            known.pipeline_stages,
            known.optimizer_builder,
            **{**known.given, "num_mini_batch": n},
        )

    sweep = make_sweep(pipeline=minibatches, space={"n": tune.grid_search([1, 1000, 2])})
    with pytest.raises(ValueError, match=r"At \{'n': 1000\}: .* 1000 minibatches"):
        check_sweep(sweep)


def test_a_point_that_cannot_be_trained_is_named() -> None:
    points = [{"first_steps": 1300, "lr": 1e-3, "gae_lambda": 0.9}]
    space = {**MIXED, "first_steps": tune.choice([400, 1300])}
    with pytest.raises(ValueError, match=r"The pipeline function fails at \{'first_steps': 1300"):
        check_sweep(make_sweep(space=space, points=points, trials=3))
