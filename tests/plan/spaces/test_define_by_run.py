"""Spaces that are functions, before there is a study."""

from typing import Any

import pytest

from segue.plan.spaces.define_by_run import ScriptedTrial, function_corners


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


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (lambda trial: trial.suggest_uniform("x"), "The space function fails: AttributeError"),
        (
            lambda trial: [1],
            r"must return a dictionary of the pipeline function's keywords, got \[1\]",
        ),
    ],
)
def test_a_function_that_cannot_work_is_refused(space: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        function_corners(space)
