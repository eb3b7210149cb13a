"""Spaces that are functions, before there is a study."""

from typing import Any

import numpy as np
import optuna
import pytest
from ray import tune

from segue.plan.spaces.define_by_run import (
    ScriptedTrial,
    answered_point,
    function_corners,
    requests_of,
)
from segue.plan.spaces.space_trial import RecordedTrial, keywords_of


def conditional(trial: Any) -> dict[str, Any]:
    kind = trial.suggest_categorical("kind", ["ppo", "bc", "bc_then_ppo"])
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    steps = trial.suggest_int("steps", 10, 25, step=10) if kind == "bc_then_ppo" else None
    return {"kind": kind, "lr": lr, "steps": steps}


def test_corners_reach_every_branch_and_both_ends_of_each_range() -> None:
    found = function_corners(conditional)
    assert found[0] == {"kind": "ppo", "lr": 1e-4, "steps": None}
    assert {point["kind"] for point in found} == {"ppo", "bc", "bc_then_ppo"}
    assert {point["lr"] for point in found if point["kind"] == "bc_then_ppo"} == {1e-4, 1e-1}
    assert {point["steps"] for point in found} == {None, 10, 20}  # 25 is no step of 10 from 10
    assert len(found) == len({tuple(point.items()) for point in found}) == 8


def test_there_are_at_most_64_corners() -> None:
    def wide(trial: Any) -> dict[str, Any]:
        return {str(n): trial.suggest_float(str(n), 0, 1) for n in range(60)}

    assert len(function_corners(wide)) == 64


def test_a_script_suggests_its_choices_and_then_the_first() -> None:
    script = ScriptedTrial([2, 1])
    assert conditional(script) == {"kind": "bc_then_ppo", "lr": 1e-1, "steps": 10}
    assert (script.taken, script.options) == ([2, 1, 0], [3, 2, 2])


def twice(trial: Any) -> dict[str, Any]:
    return {"x": trial.suggest_float("x", 0, 1), "y": trial.suggest_float("x", 5, 6)}


def in_branches(one: Any, other: Any) -> Any:
    """A space that requests `net` in two ways, depending on another parameter."""

    def space(trial: Any) -> dict[str, Any]:
        is_deep = trial.suggest_categorical("deep", [True, False])
        return {"net": one(trial) if is_deep else other(trial)}

    return space


def pruned_between_the_ends(trial: Any) -> dict[str, Any]:
    if 0.2 < trial.suggest_float("x", 0, 1) < 0.8:
        raise optuna.TrialPruned
    return {}


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (
            lambda trial: trial.suggest_uniform("x", 0, 1),
            r"uses trial.suggest_uniform, but .*: write trial.suggest_float\(name, low, high\)",
        ),
        (
            lambda trial: {"x": trial.suggest_loguniform("x", 1e-4, 1)},
            r"write trial.suggest_float\(name, low, high, log=True\)",
        ),
        (
            lambda trial: trial.set_user_attr("a", 1),
            "uses trial.set_user_attr, but a space may call only trial.suggest_categorical",
        ),
        (lambda trial: {"x": trial.number}, "trial.number, but .* the values of these alone"),
        (lambda trial: {"x": trial.params}, "uses trial.params"),
        (
            lambda trial: [1],
            r"must return a dictionary of the pipeline function's keywords, got \[1\]",
        ),
        (lambda trial: {}["x"], "The space function fails: KeyError: 'x'"),
        (
            lambda trial: {"x": trial.suggest_categorical("x", [])},
            "The choice of 'x' has no values: list at least one",
        ),
        (
            lambda trial: {"x": trial.suggest_categorical("x", [[64], [128], [64]])},
            r"The choice of 'x' lists \[64\] twice: list each value once",
        ),
        (
            lambda trial: {"x": trial.suggest_categorical("x", {"a", "b"})},
            "The choices of 'x' must be a list, got {",
        ),
        (
            lambda trial: {"x": trial.suggest_categorical("x", "ab")},
            "The choices of 'x' must be a list, got 'ab'",
        ),
        (
            lambda trial: {"x": trial.suggest_float("x", 2, 1)},
            "The range of 'x' is empty, from 2.0 to 1.0: give the smaller end first",
        ),
        (
            lambda trial: {"x": trial.suggest_float("x", 0, 1, log=True)},
            "The range of 'x' is logarithmic, so it must lie above 0, got the end 0.0",
        ),
        (
            lambda trial: {"x": trial.suggest_float("x", 1, 2, step=0.1, log=True)},
            "both logarithmic and in steps",
        ),
        (lambda trial: {"x": trial.suggest_int("x", 1, 2.5)}, "needs whole numbers, got 2.5"),
        (lambda trial: {"x": trial.suggest_int("x", 1, 2, step=0)}, "step of 'x' must be above 0"),
        (lambda trial: {"x": trial.suggest_float("x", 0, np.inf)}, "needs finite numbers, got inf"),
        (
            twice,
            (
                "requests 'x' twice in one trial, as numbers from 0.0 to 1.0 and as numbers from"
                " 5.0 to 6.0: give them different names"
            ),
        ),
        (
            in_branches(
                lambda trial: trial.suggest_categorical("net", ["a", "b"]),
                lambda trial: trial.suggest_categorical("net", ["c", "d"]),
            ),
            (
                "requests 'net' as one of a, b in one branch and as one of c, d in another, which"
                " one study cannot hold: give them different names"
            ),
        ),
        (
            in_branches(
                lambda trial: trial.suggest_int("net", 1, 2),
                lambda trial: trial.suggest_float("net", 1, 2),
            ),
            "requests 'net' as whole numbers from 1 to 2 in one branch and as numbers from 1.0",
        ),
        (
            in_branches(
                lambda trial: trial.suggest_float("net", 1, 2),
                lambda trial: trial.suggest_float("net", 1, 2, log=True),
            ),
            "and as numbers from 1.0 to 2.0 on a logarithmic scale in another",
        ),
        (
            in_branches(
                lambda trial: trial.suggest_float("net", 1, 2),
                lambda trial: trial.suggest_categorical("net", [1, 2]),
            ),
            "which one study cannot hold",
        ),
        (
            pruned_between_the_ends,
            r"raises TrialPruned at \{'x': 0\.\d+\}, but a space cannot reject a point",
        ),
        (
            lambda trial: {"x": trial.suggest_categorical("x", [0.0, tune.uniform(0, 1)])},
            r"The result 'x' of the space function contains a domain inside a value \(Float\)",
        ),
    ],
)
def test_a_function_that_cannot_work_is_refused(space: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        requests_of(space)
    assert "\n" not in str(caught.value)


def test_a_name_may_be_requested_twice_alike_and_with_other_ranges_in_branches() -> None:
    def space(trial: Any) -> dict[str, Any]:
        steps = trial.suggest_int("steps", 1e3, 2e3, step=np.int64(300))
        assert steps == trial.suggest_int("steps", 1_000, 2_000, step=300)
        limit = 0.5 if steps == 1_000 else 0.9
        return {"steps": steps, "x": trial.suggest_float("x", 0, limit, step=0.2)}

    assert {point["steps"] for point in function_corners(space)} == {1_000, 1_900}
    assert {point["x"] for point in function_corners(space)} == {0.0, 0.4, 0.8}
    assert set(requests_of(space)) == {"steps", "x"}


def test_values_that_a_study_cannot_hold_are_recorded_by_label() -> None:
    class Small:
        pass

    kinds = [Small, (64, 64), np.float64(0.5), [128]]

    def space(trial: Any) -> dict[str, Any]:
        return {"kind": trial.suggest_categorical("kind", kinds)}

    assert len(function_corners(space)) == len(kinds)
    for kind in kinds:
        trial = answered_point(space, {"kind": kind})
        label = trial.recorded["kind"]
        assert type(label) is str
        assert keywords_of(space, RecordedTrial(trial.recorded)) == {"kind": kind}
        assert answered_point(space, {"kind": label}).answers == {"kind": kind}
