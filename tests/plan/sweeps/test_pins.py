"""Names of a space that the command line pins."""

import json
from typing import Any

import pytest
from ray import tune

from segue.plan.spaces.pins import PinnedSpace
from segue.plan.sweeps.points.pins import pin, search_only
from segue.plan.sweeps.sweep import Sweep
from tests.tune.support import doubles as double
from tests.tune.support.doubles import make_sweep

SPACE = {
    "first_steps": tune.choice([400, 800]),
    "quality": tune.loguniform(1e-4, 1.0),
    "kind": tune.choice([[1, 2], [3, 4]]),
    "always": 1,
}
POINT = {"first_steps": 800, "quality": 0.5, "kind": [3, 4]}


def pipeline(first_steps: int, quality: float, kind: Any, always: int = 1) -> Any:
    return double.pipeline(first_steps, lr=quality, gae_lambda=0.9)


def pipeline_of_two(first_steps: int, quality: float) -> Any:
    return pipeline(first_steps, quality, None)


def branches(trial: Any) -> dict[str, Any]:
    first = trial.suggest_categorical("first_steps", [400, 800])
    low = 0.5 if first == 400 else 0.0
    return {"first_steps": first, "quality": trial.suggest_float("quality", low, 1.0)}


def made(**given: Any) -> Sweep:
    usual = {"pipeline": pipeline, "space": SPACE, "trials": 4, "scheduler": None}
    return make_sweep(**(usual | given))


def by_run(**given: Any) -> Sweep:
    usual = {"pipeline": pipeline_of_two, "space": branches, "trials": 4, "scheduler": None}
    return make_sweep(**(usual | given))


@pytest.mark.parametrize(
    ("name", "given", "value", "recorded"),
    [
        ("quality", "3e-4", 3e-4, 3e-4),
        ("first_steps", "800", 800, 800),
        ("first_steps", 400.0, 400, 400),
        ("kind", "[3, 4]", [3, 4], "1: [3, 4]"),
        ("kind", "1: [3, 4]", [3, 4], "1: [3, 4]"),
    ],
)
def test_a_value_is_what_was_typed_or_recorded(
    name: str, given: object, value: object, recorded: object
) -> None:
    pinned = pin(made(points=[POINT]), {name: given})
    assert pinned.space[name] == value
    assert type(pinned.space[name]) is type(value)
    assert dict(pinned.pinned) == {name: recorded}
    assert pinned.points[0][name] == value


def test_pins_are_part_of_the_definition_and_survive_its_record() -> None:
    sweep = made()
    pinned = pin(sweep, {"quality": "0.25", "kind": [1, 2]})
    assert pinned.fingerprint != sweep.fingerprint
    assert pinned.fingerprint != pin(sweep, {"quality": 0.5, "kind": [1, 2]}).fingerprint
    recorded = json.loads(json.dumps(pinned.describe()))["pinned"]
    assert pin(sweep, recorded) == pinned
    assert pin(pinned, recorded) == pinned, "pinned twice it is the same"
    assert "pinned" not in sweep.describe()


def test_only_pins_the_rest_at_the_first_point() -> None:
    only = search_only(made(points=[POINT, {**POINT, "kind": [1, 2]}]), ["quality"])
    assert dict(only.pinned) == {"first_steps": 800, "kind": "1: [3, 4]"}
    assert only.points == ({**POINT, "always": 1},), "the second point is the same now"
    assert search_only(only, ["quality"]) == only


def test_a_grid_keeps_its_other_names() -> None:
    sweep = pin(make_sweep(), {"first_steps": "400"})
    assert sweep.requested_trials < make_sweep().requested_trials
    assert {point["first_steps"] for point in sweep.planned()} == {400}


def test_a_function_is_asked_for_the_other_names_only() -> None:
    sweep = by_run(points=[{"first_steps": 400, "quality": 0.75}])
    pinned = pin(sweep, {"first_steps": "800"})
    assert isinstance(pinned.space, PinnedSpace)
    assert {corner["first_steps"] for corner in pinned.corners()} == {800}
    assert pinned.points == (), "the point is one of another branch"
    only = search_only(sweep, ["first_steps"])
    assert dict(only.pinned) == {"quality": 0.75}
    assert only.points == ({"first_steps": 400},)
    assert only.fingerprint != sweep.fingerprint
    again = pin(sweep, json.loads(json.dumps(only.describe()))["pinned"])
    assert again == only


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"qualty": "1"}, "--set names 'qualty', which the space lacks: did you mean 'quality'"),
        ({"always": "2"}, "--set names 'always', which is always 1 in the space"),
        ({"quality": "2"}, "--set quality=2 cannot be: The value '2' of 'quality' is not in the"),
        ({"kind": "[5]"}, "is not in the space: one of 0: "),
        ({"first_steps": "True"}, "--set first_steps=True cannot be"),
    ],
)
def test_what_the_space_could_not_propose_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match="--set") as refused:
        pin(made(), values)
    assert sentence in str(refused.value)


def test_only_without_a_point_is_refused() -> None:
    with pytest.raises(ValueError, match=r"first_steps, kind\), and it has no points: give them"):
        search_only(made(), ["quality"])
    with pytest.raises(ValueError, match="--only names 'q', which the space lacks"):
        search_only(made(points=[POINT]), ["q"])
    both = pin(made(points=[POINT]), {"quality": 0.25})
    with pytest.raises(ValueError, match=r"--only names 'quality', which is pinned at 0.25"):
        search_only(both, ["quality"])
