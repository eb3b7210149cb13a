"""The pipelines at the corners of a space: built once, and only read."""

from typing import Any

from segue.plan.values.describe import describe
from segue.tune.checks import check_sweep
from segue.tune.corners import Corners
from tests.tune.support.doubles import make_sweep, pipeline


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
