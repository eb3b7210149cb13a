"""What every way of proposing points must do, on the real study."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState
from ray import tune

from segue.plan.spaces.space_trial import SpaceError
from segue.plan.sweeps.checks import SEARCHES
from segue.plan.sweeps.sweep import Sweep
from segue.tune.checks.sweep import check_sweep
from segue.tune.search.define_by_run import DefineByRunSpace
from segue.tune.search.samplers import PICKLED, check_sampler, sampler_for
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import MIXED, make_sweep, pipeline
from tests.tune.support.fake_tune import FakeTune

TRIALS = 12


def define_by_run(trial: Any) -> dict[str, Any]:
    first = trial.suggest_categorical("first_steps", [400, 800])
    lr = trial.suggest_float("lr", 1e-5, 1e-2, log=True)
    return {
        "first_steps": first,
        "lr": lr,
        "gae_lambda": trial.suggest_float("gae_lambda", 0.7, 1.0),
    }


def opened(path: Path, sweep: Sweep) -> StudyRecord:
    record = StudyRecord(path / "study.db", "double", sweep.mode, check_sweep(sweep).space)
    record.plan(sweep.planned())
    return record


def run(path: Path, sweep: Sweep, *budgets: int) -> list[Any]:
    """Run up to each of the budgets in turn, in a study that is reopened; return the results."""
    path.mkdir(exist_ok=True)
    for budget in budgets:
        record = opened(path, sweep)
        FakeTune(record, sweep, budget, {}).run()
        record.close()
    return [(trial.params, trial.state, trial.value, trial.last_step) for trial in record.trials]


FAST = ("tpe", "random", "freeze_thaw")


@pytest.fixture(
    params=[
        name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in SEARCHES
    ]
)
def search(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["dictionary", pytest.param("function", marks=pytest.mark.slow)])
def sweep(request: pytest.FixtureRequest, search: str) -> Sweep:
    space = MIXED if request.param == "dictionary" else define_by_run
    return searching(search, space=space, scheduler="stage_asha")


def searching(search: str, **given: Any) -> Sweep:
    """A sweep with this search. Freeze-thaw search is its own scheduler, and has a budget."""
    more: dict[str, Any] = {"space": MIXED, "trials": TRIALS, "search": search, **given}
    if search == "freeze_thaw":
        more = {"max_env_steps": 2 * 1200 * 6, **more, "scheduler": None}
    return make_sweep(**more)


def test_points_lie_in_the_space_and_differ(sweep: Sweep, tmp_path: Path) -> None:
    if sweep.max_env_steps:
        sweep = replace(sweep, max_env_steps=2 * 1200 * TRIALS)  # whichever trials are paused
    found = run(tmp_path, sweep, TRIALS)
    assert len(found) == TRIALS
    rates = [params["lr"] for params, *_ in found]
    assert all(1e-5 <= lr <= 1e-2 for lr in rates)
    assert len(set(rates)) == TRIALS


def test_a_sweep_in_parts_proposes_what_an_uninterrupted_one_does(
    sweep: Sweep, tmp_path: Path, search: str
) -> None:
    whole = run(tmp_path / "whole", sweep, TRIALS)
    # How many trials there are decides about pauses; kills are in study/test_freeze_thaw.py.
    budgets = (TRIALS, TRIALS) if search == "freeze_thaw" else (3, 8, TRIALS)
    parts = run(tmp_path / "parts", sweep, *budgets)
    if search == "cmaes":  # its state is not kept: see `sampler_for`
        assert parts[:3] == whole[:3] and len(parts) == TRIALS
    else:
        assert parts == whole


def test_less_can_be_better(search: str, tmp_path: Path) -> None:
    sweep = searching(search, mode="min", max_env_steps=2 * 1200 * TRIALS)
    assert len(run(tmp_path, sweep, TRIALS)) == TRIALS


def test_one_trial_is_a_sweep(search: str, tmp_path: Path) -> None:
    sweep = searching(search, trials=1, scheduler="asha")
    assert [state for _, state, *_ in run(tmp_path, sweep, 1)] == [TrialState.COMPLETE]


def test_failed_trials_do_not_stop_the_search(search: str, tmp_path: Path) -> None:
    # FakeTune breaks each trial with this learning rate.
    space = {
        "first_steps": 400,
        "lr": tune.choice([3e-3, 9e-3]),
        "gae_lambda": tune.uniform(0.7, 1.0),
    }
    found = run(tmp_path, searching(search, space=space, scheduler=None), TRIALS)
    states = [state for _, state, *_ in found]
    assert set(states) <= {TrialState.FAIL, TrialState.COMPLETE, TrialState.PRUNED}
    assert (TrialState.PRUNED in states) == (search == "freeze_thaw")
    assert len(found) == TRIALS
    assert TrialState.FAIL in states


def test_nothing_is_pickled_into_the_study(tmp_path: Path) -> None:
    sweep = make_sweep(
        space={**MIXED, "first_steps": 400}, trials=24, search="cmaes", scheduler=None
    )
    run(tmp_path, sweep, 24)
    record = opened(tmp_path, sweep)
    names = {name for trial in record.trials for name in trial.system_attrs}
    assert any(name.startswith("cma:") for name in names)
    assert not any(name.startswith(PICKLED) for name in names)


@pytest.mark.slow
def test_quasi_random_points_are_spread_more_evenly_than_random_ones(tmp_path: Path) -> None:
    def largest_gap(search: str) -> float:
        sweep = make_sweep(space=MIXED, trials=32, search=search, scheduler=None)
        values = sorted(
            params["gae_lambda"] for params, *_ in run(tmp_path / search, sweep, 32)[1:]
        )
        return max(b - a for a, b in itertools.pairwise(values))

    assert largest_gap("qmc") < largest_gap("random")


def test_points_of_one_s_own_come_first_then_the_search(tmp_path: Path) -> None:
    points = [{"lr": 1e-3, "gae_lambda": 0.9}, {"first_steps": 400, "lr": 2e-3, "gae_lambda": 0.8}]
    found = run(tmp_path, make_sweep(space=MIXED, points=points, trials=4), 4)
    assert [params["lr"] for params, *_ in found[:2]] == [1e-3, 2e-3]
    assert found[2][0]["lr"] not in (1e-3, 2e-3)


def test_a_grid_and_then_tpe_share_a_study(tmp_path: Path) -> None:
    sweep = make_sweep(trials=20, points=[{"first_steps": 800, "lr": 3e-4, "gae_lambda": 0.8}])
    found = run(tmp_path, sweep, 5, 20)
    assert found[0][0] == {"first_steps": 800, "lr": 3e-4, "gae_lambda": 0.8}
    assert len({tuple(params.items()) for params, *_ in found[:16]}) == 16
    assert len(found) == 20


@pytest.mark.parametrize(
    ("space", "point", "said"),
    [
        (MIXED, {"lr": 1e-3}, "lacks 'gae_lambda': give a value for every parameter"),
        (
            MIXED,
            {"lr": 1e-3, "gae_lambda": 0.9, "lambda": 1},
            "gives 'lambda', which the space lacks",
        ),
        (MIXED, {"lr": 1.0, "gae_lambda": 0.9}, "The value 1.0 of 'lr' is not in the space"),
        (
            MIXED,
            {"lr": 1e-3, "gae_lambda": 0.9, "first_steps": 5},
            "'first_steps', which is always 400",
        ),
        (define_by_run, {"first_steps": 400, "lr": 1e-3}, "does not fit the space"),
        (
            define_by_run,
            {"first_steps": 400, "lr": 1e-3, "gae_lambda": 0.9, "x": 1},
            "gives 'x', which the space does not suggest",
        ),
        (
            define_by_run,
            {"first_steps": 400, "lr": 1e-3, "gae_lambda": 0.6},
            "The value 0.6 of 'gae_lambda' is not in the space: numbers from 0.7 to 1.0",
        ),
    ],
)
def test_a_point_outside_of_the_space_is_refused(
    space: Any, point: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check_sweep(make_sweep(space=space, points=[point], trials=3))


@pytest.mark.slow
def test_branches_that_share_names_learn_together(tmp_path: Path) -> None:
    def branches(trial: Any) -> dict[str, Any]:
        kind = trial.suggest_categorical("kind", ["short", "long"])
        lr = trial.suggest_float("lr", 1e-5, 1e-2, log=True)
        extra = trial.suggest_float("gae_lambda", 0.7, 1.0) if kind == "long" else 0.93
        return {"first_steps": 400 if kind == "short" else 800, "lr": lr, "gae_lambda": extra}

    sweep = make_sweep(space=branches, trials=40, scheduler=None)
    found = run(tmp_path, sweep, 40)
    assert {len(params) for params, *_ in found} == {2, 3}
    # The best learning rate is 5e-4 in both branches: later proposals lie nearer to it.
    distance = [abs(math.log10(params["lr"] / 5e-4)) for params, *_ in found]
    assert sum(distance[-10:]) < sum(distance[:10])


class Short:
    steps = 400


class Long:
    steps = 800


def test_a_function_may_choose_between_classes_and_tuples(tmp_path: Path) -> None:
    def labelled(trial: Any) -> dict[str, Any]:
        kind = trial.suggest_categorical("kind", [Short, Long])
        lr, gae = trial.suggest_categorical("both", [(1e-3, np.float64(0.9)), (1e-4, 0.8)])
        return {"first_steps": kind.steps, "lr": lr, "gae_lambda": float(gae)}

    points = [{"kind": Long, "both": (1e-4, 0.8)}]
    sweep = make_sweep(space=labelled, points=points, trials=4, scheduler=None)
    found = run(tmp_path, sweep, 2, 4)
    assert found[0][0]["both"] == "1: [0.0001, 0.8]"
    assert all(params["kind"][:3] in ("0: ", "1: ") for params, *_ in found)
    record = opened(tmp_path, sweep)
    assert record.parameters(0) == {"first_steps": 800, "lr": 1e-4, "gae_lambda": 0.8}


def test_what_the_study_cannot_hold_ends_the_search_with_a_sentence(tmp_path: Path) -> None:
    is_late = False

    def changing(trial: Any) -> dict[str, Any]:
        lr = trial.suggest_categorical("lr", [1e-3] if is_late else [1e-4])
        return {"first_steps": 400, "lr": lr, "gae_lambda": trial.suggest_float("gae", 0.8, 0.9)}

    sweep = make_sweep(space=changing, trials=2, scheduler=None)
    record = opened(tmp_path, sweep)
    record.propose(sampler_for("tpe", 0, 0))
    is_late = True
    with pytest.raises(SpaceError, match=r"The study cannot hold 'lr' .*: give parameters that"):
        record.propose(sampler_for("tpe", 0, 1))
    record.close()
    assert len(opened(tmp_path, sweep)) == 1


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"'cmaes' needs the package cmaes: run `pip install 'segue\[search\]'`"
    ):
        check_sampler("cmaes")


def test_the_parameters_of_a_define_by_run_space_are_what_the_function_returns() -> None:
    space = DefineByRunSpace(define_by_run)
    point = {"first_steps": 800, "lr": 1e-3, "gae_lambda": 0.9}
    recorded, distributions = space.recorded(point)
    assert recorded == point and set(distributions) == set(point)
    assert space.parameters(recorded) == point
    assert pipeline(**space.parameters(recorded)).total_steps == 1200


def test_each_trial_has_a_stream_of_its_own() -> None:
    assert sampler_for("qmc", 7, 3)._find_sample_id(None, {}) == 3  # type: ignore[attr-defined]
