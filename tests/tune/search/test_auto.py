"""Which search "auto" chooses, and that it says why."""

from typing import Any

import pytest
from ray import tune

from segue.tune.checks.sweep import check_sweep
from tests.tune.support.doubles import GRID, MIXED, make_sweep


def by_function(trial: Any) -> dict[str, Any]:
    return {"first_steps": 400, "lr": trial.suggest_float("lr", 1e-4, 1e-2), "gae_lambda": 0.9}


@pytest.mark.parametrize(
    ("given", "name", "reason"),
    [
        ({}, "tpe", "30 trials and one objective"),
        ({"objectives": [("length", "min")]}, "nsga2", "it has 2 objectives"),
        (
            {"scheduler": None, "max_env_steps": 40_000},
            "freeze_thaw",
            "40,000 steps do not suffice for 30 whole trials",
        ),
        ({"scheduler": None, "max_env_steps": 80_000}, "tpe", "30 trials and one objective"),
        ({"max_env_steps": 40_000}, "tpe", "30 trials and one objective"),
        ({"scheduler": "pbt"}, "random", "parameters change while trials train"),
        ({"trials": 9}, "qmc", "9 trials are too few for a model"),
        ({"trials": 9, "space": by_function}, "random", "9 trials are too few for a model"),
        ({"trials": None, "space": GRID}, "random", "every point is planned"),
        (
            {"trials": None, "space": GRID, "scheduler": None, "max_env_steps": 20_000},
            "freeze_thaw",
            "20,000 steps do not suffice for 16 whole trials",
        ),
        (
            {"trials": 5, "space": MIXED | {"lr": 1e-3, "gae_lambda": tune.choice([0.8, 0.9])}},
            "random",
            "5 trials are too few for a model",
        ),
    ],
)
def test_the_choice_depends_on_space_budget_objectives_and_scheduler(
    given: dict[str, Any], name: str, reason: str
) -> None:
    asked: dict[str, Any] = {"search": "auto", "space": MIXED, "trials": 30}
    search = check_sweep(make_sweep(**(asked | given))).search
    assert (search.name, search.reason) == (name, reason)
    assert str(search) == f"{name} (auto: {reason})"


def test_a_search_that_the_sweep_names_needs_no_reason() -> None:
    sweep = make_sweep(search="tpe", space=MIXED, trials=30)
    assert str(check_sweep(sweep).search) == "tpe"
