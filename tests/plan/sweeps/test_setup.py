"""Fields of a sweep that are functions of names in its space."""

import functools
from typing import Any

import pytest
from ray import tune

from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.setup import functions_of_space
from segue.plan.sweeps.sweep import Sweep
from tests.plan.example_pipelines import pipeline, stage

SPACE = {"steps": tune.grid_search([1000, 2000]), "size": tune.grid_search([4, 6])}


def make(steps: int) -> Any:
    return pipeline(stage(max_stage_steps=steps))


def corridor(members: int, lanes: int, size: int = 4) -> Any:
    return None


class Corridor:
    def __init__(self, members: int, lanes: int) -> None: ...


def sweep(**changes: Any) -> Sweep:
    given = {
        "pipeline": make,
        "space": SPACE,
        "world": lambda size: functools.partial(corridor, size=size),
        "evaluation": Evaluation(every=1000),
    }
    return Sweep(**(given | changes))


def test_a_setup_is_made_of_values_and_functions_that_share_names() -> None:
    made = sweep(
        evaluation=lambda steps, size: Evaluation(every=steps, episodes=size),
        lanes=lambda size: 2 * size,
        policy=lambda *, size, depth=2: (size,) * depth,
    )
    setup = made.at({"steps": 2000, "size": 6})
    assert setup.pipeline.total_steps == 2000
    assert setup.world.keywords == {"size": 6}
    assert (setup.evaluation, setup.lanes) == (Evaluation(every=2000, episodes=6), 12)
    assert setup.policy == (6, 6)


def test_a_function_may_take_any_name_or_none() -> None:
    made = sweep(policy=lambda **names: tuple(names.values()), lanes=lambda: 3)
    assert made.at({"steps": 1000, "size": 4}).policy == (1000, 4)
    assert made.at({"steps": 1000, "size": 4}).lanes == 3


def test_names_of_a_define_by_run_space_are_those_of_what_it_returns() -> None:
    def space(trial: Any) -> dict[str, Any]:
        number = trial.suggest_int("number", 1, 3)
        return {"steps": 1000 * number, "size": number, "lanes": number}

    made = sweep(space=space, trials=3, lanes=lambda lanes: lanes)
    assert [made.at(corner).lanes for corner in made.corners()] == [1, 3]


@pytest.mark.parametrize(
    "world",
    [
        "CartPole-v1",
        Corridor,
        corridor,
        lambda members, lanes: None,
        functools.partial(corridor, size=6),
    ],
)
def test_what_makes_a_world_is_a_value(world: Any) -> None:
    made = sweep(world=world, space={"steps": SPACE["steps"]})
    assert made.at({"steps": 1000}).world is world
    assert list(functions_of_space(made)) == ["pipeline"]


@pytest.mark.parametrize("world", [lambda size: "CartPole-v1", lambda steps, size: Corridor])
def test_another_function_is_one_of_the_space(world: Any) -> None:
    assert list(functions_of_space(sweep(world=world))) == ["pipeline", "world"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"space": SPACE | {"depth": 2}},
            r"names 'depth', which none of the sweep's functions \(pipeline, world\) takes: choose"
            " from 'size', 'steps'",
        ),
        (
            {"space": SPACE | {"lanes": 4}},
            "names 'lanes', .* takes: write lanes=lambda lanes: lanes if it is the sweep's",
        ),
        (
            {"world": "CartPole-v1"},
            "names 'size', which the pipeline function does not take: choose from 'steps'",
        ),
        (
            {"policy": lambda siz: None},
            "The policy function takes 'siz', which the space lacks: did you mean 'size'",
        ),
        (
            {"evaluation": lambda episodes: None},
            "The evaluation function takes 'episodes', which the space lacks: add it, or give it",
        ),
        (
            {"world": lambda size, wind: None},
            r"The world function takes 'wind', which the space lacks: .* or let it take \(members,",
        ),
        (
            {"world": corridor, "space": SPACE | {"members": 1, "lanes": 2}},
            "names 'members' and 'lanes', and the world function .*: rename one of the two",
        ),
        (
            {"space": lambda trial: {"steps": trial.suggest_int("steps", 1, 9), "sise": 1}},
            r"names 'sise' at \{'steps': 1, 'sise': 1\}, .*: did you mean 'size'",
        ),
        (
            {"space": lambda trial: {"steps": trial.suggest_int("steps", 1, 9)}},
            r"takes 'size', which the space lacks at \{'steps': 1\}: add it",
        ),
        (
            {"lanes": lambda size: size - 4},
            r"The lanes function must return a whole number of at least 1, got 0 at \{'steps': 10",
        ),
        ({"evaluation": lambda size: size}, "The evaluation function must return an Evaluation"),
        (
            {"world": lambda size: size},
            "The world function must return the name of a world, a World, or",
        ),
        ({"policy": lambda size: 1 // 0}, r"policy function fails at \{.*: ZeroDivisionError: "),
    ],
)
def test_mistakes_are_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        sweep(**({"trials": 4} | changes))
    assert "\n" not in str(caught.value)


def test_constants_and_functions_are_described_by_their_code() -> None:
    def described(**changes: Any) -> Any:
        return sweep(**changes).describe()

    assert described(lanes=4)["lanes"] == 4
    one = described(lanes=lambda size: size)["lanes"]
    other = described(lanes=lambda size: size + 1)["lanes"]
    assert one["function"] == other["function"]
    assert one["code"] != other["code"]
