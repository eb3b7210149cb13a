"""The setups at the corners of a space: made once, checked, and only read."""

from typing import Any

import pytest
from ray import tune

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.points.corners import Corners
from segue.plan.values.describe import describe
from segue.tune.checks import sweep as checks
from segue.tune.checks.sweep import check_sweep
from segue.worlds import CartPole, Step, check_world
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


class Successful(CartPole):
    """CartPole with a further metric."""

    metrics = ("success",)

    def step(self, actions: Any) -> Step:
        step = super().step(actions)
        return step._replace(info={"success": step.reward[step.ended]})


SEARCHED: dict[str, Any] = {
    "pipeline": lambda: pipeline(400, 1e-3, 0.9),
    "space": {"lanes": tune.grid_search([2, 4])},
}


def test_each_corner_has_lanes_and_evaluations_of_its_own() -> None:
    def every(lanes: int) -> Evaluation:
        return Evaluation(every=100 * lanes)

    in_rollouts = TrainingPipeline.trained_steps
    corners = check_sweep(
        make_sweep(**SEARCHED, lanes=lambda lanes: 3 * lanes, evaluation=every)
    ).corners
    assert [setup.lanes for setup in corners.setups] == [6, 12]
    assert corners.longest_training == max(
        in_rollouts(corners.pipelines[0], lanes) for lanes in (6, 12)
    )
    assert corners.longest_interval == 400


def test_each_different_world_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Any] = []
    monkeypatch.setattr(
        checks, "check_world", lambda world: checked.append(world) or check_world(world)
    )
    space = {"size": tune.grid_search([5, 6]), "lanes": tune.grid_search([1, 2, 3])}
    check_sweep(
        make_sweep(
            pipeline=SEARCHED["pipeline"],
            space=space,
            lanes=lambda lanes: lanes,
            world=lambda size: f"MiniGrid-Empty-{size}x{size}-v0",
        )
    )
    assert checked == ["MiniGrid-Empty-5x5-v0", "MiniGrid-Empty-6x6-v0"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {
                "metric": "success",
                "world": lambda lanes: Successful if lanes == 2 else CartPole,
            },
            r"At \{'lanes': 4\}: There is no metric 'success' in this world",
        ),
        (
            {"world": lambda lanes: "CartPole-v1" if lanes == 2 else "CartPol-v1"},
            r"At \{'lanes': 4\}: There is no world 'CartPol-v1': did you mean 'CartPole-v1'",
        ),
        (
            {"policy": lambda lanes: None if lanes == 2 else lanes},
            r"At \{'lanes': 4\}: The policy is 4: use one of",
        ),
        (
            {"lanes": lambda lanes: 4 - lanes},
            r"The lanes function must return a whole number of at least 1, got 0 at \{'lanes': 4",
        ),
    ],
)
def test_a_corner_that_cannot_be_trained_is_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_sweep(make_sweep(**(SEARCHED | changes)))
