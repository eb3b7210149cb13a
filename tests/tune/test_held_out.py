"""Seeds that the search never saw, and the sweep that trains on them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune

from segue.plan.sweeps.sweep import Sweep
from segue.train import member_seeds
from segue.tune.held_out import distinct, held_out_seed, held_out_sweep, is_of
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from tests.tune.support.doubles import MIXED, make_sweep

POINTS = [
    {"first_steps": 400, "lr": 1e-3, "gae_lambda": 0.95},
    {"first_steps": 800, "lr": 1e-4, "gae_lambda": 0.8},
]


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(2, 50))
def test_no_seed_is_one_of_the_searchs(seed: int, members: int, seeds: int) -> None:
    sweep = make_sweep(seed=seed, seeds=members)
    unseen = member_seeds(held_out_seed(sweep, seeds), seeds)
    assert not set(unseen) & set(member_seeds(seed, members)) and len(set(unseen)) == seeds


def test_the_winners_are_its_only_trials_and_nothing_stops_them() -> None:
    sweep = make_sweep(max_env_steps=10_000, time_budget_s=5.0, target=0.5)
    retraining = held_out_sweep(sweep, POINTS, 10)
    assert list(retraining.points) == POINTS and retraining.trials == 2 and retraining.seeds == 10
    limits = (
        retraining.scheduler,
        retraining.max_env_steps,
        retraining.time_budget_s,
        retraining.target,
    )
    assert limits == (None, None, None, None)


def test_recorded_choices_become_what_they_stand_for() -> None:
    space = MIXED | {"first_steps": tune.choice([[400], [800]])}

    def pipeline(first_steps: list[int], lr: float, gae_lambda: float) -> object:
        return make_sweep().pipeline(first_steps=first_steps[0], lr=lr, gae_lambda=gae_lambda)

    sweep = make_sweep(space=space, pipeline=pipeline, trials=4)
    recorded = [{"first_steps": "1: [800]", "lr": 1e-3, "gae_lambda": 0.9}]
    assert held_out_sweep(sweep, recorded, 2).points[0]["first_steps"] == [800]


def test_answers_of_a_space_function_stay_answers() -> None:
    def ask(trial: object) -> dict[str, object]:
        lr = trial.suggest_float("log10_lr", -4, -2)  # type: ignore[attr-defined]
        return {"first_steps": 400, "lr": 10**lr, "gae_lambda": 0.9}

    sweep = make_sweep(space=ask, trials=4)
    assert held_out_sweep(sweep, [{"log10_lr": -3.0}], 2).points == ({"log10_lr": -3.0},)


def test_labels_of_a_space_function_become_what_they_stand_for() -> None:
    def sizes(trial: object) -> dict[str, object]:
        steps = trial.suggest_categorical("steps", [(400,), (800,)])  # type: ignore[attr-defined]
        return {"first_steps": steps[0], "lr": 1e-3, "gae_lambda": 0.9}

    sweep = make_sweep(space=sizes, trials=4)
    retraining = held_out_sweep(sweep, [{"steps": "1: [800]"}], 2)
    assert retraining.points == ({"steps": (800,)},)
    assert retraining.corners()[-1]["first_steps"] == 800


def test_one_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="1 held-out seeds have no interval"):
        held_out_sweep(make_sweep(), POINTS, 1)


def test_equal_proposals_count_once() -> None:
    assert distinct([POINTS[0], POINTS[1], dict(POINTS[0])]) == [0, 1]


def test_another_comparison_is_distinguished_from_this_one(tmp_path: Path) -> None:
    def retraining_on(seeds: int) -> Sweep:
        return held_out_sweep(make_sweep(), POINTS, seeds)

    assert is_of(tmp_path / "none", retraining_on(4))
    with open_run(RunDirectory(tmp_path / "run"), retraining_on(4), "double"):
        pass
    assert is_of(tmp_path / "run", retraining_on(4)) and not is_of(
        tmp_path / "run", retraining_on(5)
    )
