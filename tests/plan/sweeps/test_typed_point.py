"""Points of a space whose values were typed."""

from typing import Any

import pytest

from segue.plan.sweeps.points.pins import pin
from segue.plan.sweeps.points.typed_point import typed_point
from segue.plan.sweeps.sweep import Sweep
from tests.tune.support.doubles import make_sweep


def space(trial: Any) -> dict[str, Any]:
    has_first = trial.suggest_categorical("kind", ["one", "two"]) == "two"
    steps = trial.suggest_int("first_steps", 100, 600) if has_first else 400
    lr = trial.suggest_float("lr", 1e-5, 1e-2, log=True)
    return {"first_steps": steps, "lr": lr, "gae_lambda": 0.95}


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return make_sweep(space=space, trials=4)


def test_each_branch_of_a_define_by_run_space_takes_its_own_names(sweep: Sweep) -> None:
    one = typed_point(sweep, {"kind": "one", "lr": "1e-3"})
    assert one == {"kind": "one", "lr": 1e-3}
    two = typed_point(sweep, {"kind": "two", "lr": "1e-3", "first_steps": "200"})
    assert two == {"kind": "two", "first_steps": 200, "lr": 1e-3}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"kind": "two", "lr": "1e-3"}, "'first_steps' is missing"),
        ({"kind": "one", "lr": "1e-3", "first_steps": "200"}, "'first_steps' is not a name"),
        ({"kind": "three", "lr": "1e-3"}, "'three' of 'kind' is not in the space"),
        ({"kind": "two", "lr": "1e-3", "first_steps": "0.5"}, "'0.5' of 'first_steps' is not in"),
    ],
)
def test_a_name_that_is_missing_or_of_another_branch_is_named(
    sweep: Sweep, values: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        typed_point(sweep, values)


def test_a_pinned_name_is_not_typed(sweep: Sweep) -> None:
    pinned = pin(sweep, {"kind": "one"})
    assert typed_point(pinned, {"lr": "1e-3"}) == {"lr": 1e-3}
    with pytest.raises(ValueError, match="'kind' is not a name that the sweep searches there"):
        typed_point(pinned, {"kind": "two", "lr": "1e-3"})
