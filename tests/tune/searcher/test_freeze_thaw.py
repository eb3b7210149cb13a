"""Freeze-thaw search on the real study, in Tune's order of calls."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState
from ray import tune

from segue.plan.sweeps.sweep import Sweep
from segue.record.study.ranking import is_paused
from segue.record.study.trials import summarize
from segue.tune.checks.sweep import check_sweep
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import FAILURE
from tests.tune.support import fake_tune
from tests.tune.support.doubles import EVERY, GRID, MIXED, learning_curve, make_sweep
from tests.tune.support.fake_tune import FakeTune

TRIALS = 16
FULL = 2 * 1200
BUDGET = 6 * FULL


def freeze_thaw(**given: Any) -> Sweep:
    asked: dict[str, Any] = {
        "space": MIXED,
        "trials": TRIALS,
        "search": "freeze_thaw",
        "scheduler": None,
        "max_env_steps": BUDGET,
        "seed": 1,
    }
    return make_sweep(**(asked | given))


def opened(path: Path, sweep: Sweep) -> StudyRecord:
    path.mkdir(exist_ok=True)
    record = StudyRecord(path / "study.db", "double", sweep.mode, check_sweep(sweep).space)
    record.plan(sweep.planned())
    return record


def run(path: Path, sweep: Sweep) -> list[FrozenTrial]:
    record = opened(path, sweep)
    FakeTune(record, sweep, sweep.requested_trials, {}).run()
    record.close()
    return record.trials


def of_state(trials: list[FrozenTrial], state: TrialState) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state == state]


def outcomes(trials: list[FrozenTrial]) -> list[Any]:
    names = ("pauses", "predicted_end", "stopped_by")
    return [
        [
            *(trial.params, trial.state, trial.value, trial.intermediate_values),
            *(trial.user_attrs.get(name) for name in names),
        ]
        for trial in trials
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[FrozenTrial]:
    return run(tmp_path_factory.mktemp("whole"), freeze_thaw())


def test_the_budget_is_divided_between_more_trials_than_fit_whole(
    whole: list[FrozenTrial],
) -> None:
    spent = sum(2 * max(trial.intermediate_values, default=0) for trial in whole)
    assert BUDGET - FULL < spent <= BUDGET
    complete = of_state(whole, TrialState.COMPLETE)
    assert 2 <= len(complete) < BUDGET / FULL < len(whole)
    assert not of_state(whole, TrialState.RUNNING)
    assert any(trial.user_attrs.get("pauses") for trial in complete)  # one that resumed


def test_a_trial_that_never_resumed_is_pruned_with_the_reason(whole: list[FrozenTrial]) -> None:
    pruned = of_state(whole, TrialState.PRUNED)
    assert pruned
    best = max(trial.value for trial in of_state(whole, TrialState.COMPLETE))
    for trial in pruned:
        assert trial.last_step == trial.user_attrs["pauses"][-1]["at"]
        assert trial.value == trial.intermediate_values[trial.last_step]
        assert trial.user_attrs["stopped_by"] == (
            f"freeze_thaw: paused at {trial.last_step:,} steps; its predicted end was"
            f" {trial.user_attrs['predicted_end']['value']:.4g}, the winner's {best:.4g}"
        )


class KilledError(Exception):
    pass


def kill_after(record: StudyRecord, writes: int) -> None:
    """Let the study's file fail before a write, as after a kill between two of them."""
    left = writes

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return write(*arguments, **more)

        return counting

    disk = record._disk
    for owner, name in [
        (disk, "report"),
        (disk, "annotate"),
        (disk, "set_state"),
        (disk.study, "add_trial"),
    ]:
        setattr(owner, name, counted(getattr(owner, name)))


@pytest.mark.parametrize(
    "writes", [60, *(pytest.param(n, marks=pytest.mark.slow) for n in range(20, 131, 11))]
)
def test_a_killed_sweep_decides_what_an_uninterrupted_one_does(
    writes: int, whole: list[FrozenTrial], tmp_path: Path
) -> None:
    sweep = freeze_thaw()
    steps: dict[int, int] = {}
    kills = 0
    while True:
        record = opened(tmp_path, sweep)
        kill_after(record, writes if kills < 3 else 10_000)
        try:
            FakeTune(record, sweep, TRIALS, steps).run()
            break
        except KilledError:
            kills += 1
        finally:
            record.close()
    assert kills >= 1
    assert outcomes(record.trials) == outcomes(whole)


def test_a_paused_trial_is_visible_and_resumes_after_a_kill(tmp_path: Path) -> None:
    sweep = freeze_thaw()
    record = opened(tmp_path, sweep)
    fake = FakeTune(record, sweep, TRIALS, {})
    first = fake.start("tune-0")
    assert not fake.reports(first, EVERY)  # less than an eighth
    assert fake.reports(first, 2 * EVERY)  # three others begin first
    assert is_paused(record.trial(0))
    paused = summarize(record.trial(0), ["return"])
    assert paused.state == "paused"
    assert paused.reason is not None
    assert paused.reason.startswith("Paused at 200 steps; its predicted end is ")
    record.close()
    record = opened(tmp_path, sweep)
    FakeTune(record, sweep, TRIALS, {0: 2 * EVERY}).run()
    assert record.trial(0).state in (TrialState.COMPLETE, TrialState.PRUNED)
    assert record.trial(0).user_attrs["pauses"][0]["at"] == 2 * EVERY


def conditional(trial: Any) -> dict[str, Any]:
    first = trial.suggest_categorical("first_steps", [400, 800])
    lr = trial.suggest_float("lr", 1e-5, 1e-2, log=True)
    tenths = trial.suggest_int("tenths", 7, 10) if first == 400 else 9
    return {"first_steps": first, "lr": lr, "gae_lambda": tenths / 10}


SPACES: dict[str, dict[str, Any]] = {
    "conditional": {"space": conditional},
    "less is better": {"mode": "min"},
    "one seed": {"seeds": 1, "max_env_steps": 6 * 1200},
    "constraints": {"constraints": {"slow": lambda row: row["return"] - 0.5}},
    "own points": {"points": [{"lr": 1e-3, "gae_lambda": 0.9}, {"lr": 2e-3, "gae_lambda": 0.8}]},
    "grid": {"space": GRID, "trials": None},
    "choices only": {
        "space": {
            "first_steps": tune.choice([400, 800]),
            "lr": tune.choice([1e-4, 1e-3, 3e-3]),
            "gae_lambda": tune.choice([0.8, 0.9]),
        }
    },
}


FAST = ("conditional", "less is better", "own points", "grid")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(given, id=name, marks=[] if name in FAST else [pytest.mark.slow])
        for name, given in SPACES.items()
    ],
)
def test_every_kind_of_sweep_ends_within_its_budget(given: dict[str, Any], tmp_path: Path) -> None:
    sweep = freeze_thaw(**given)
    trials = run(tmp_path, sweep)
    limit = sweep.max_env_steps or 0
    spent = sum(sweep.seeds * max(trial.intermediate_values, default=0) for trial in trials)
    assert limit * 0.8 < spent <= limit or len(trials) == len(of_state(trials, TrialState.COMPLETE))
    assert of_state(trials, TrialState.COMPLETE)
    assert not of_state(trials, TrialState.RUNNING)
    assert len({str(trial.params) for trial in trials}) == len(trials)  # none repeats another
    for number, point in enumerate(sweep.points):
        assert trials[number].params.items() <= point.items()
        assert trials[number].intermediate_values


def test_a_few_trials_are_a_random_search_that_pauses_none(tmp_path: Path) -> None:
    trials = run(tmp_path, freeze_thaw(trials=9, max_env_steps=None))
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 9


def failing(sweep: Sweep, parameters: dict[str, Any], step: int) -> dict[str, Any]:
    """What a trial reports if half of all trials fail at their first report."""
    row = learning_curve(sweep, parameters, step)
    if step == EVERY and parameters["gae_lambda"] < 0.85:
        row |= {"return": math.nan, FAILURE: "FloatingPointError: diverged"}
    return row


def tied(sweep: Sweep, parameters: dict[str, Any], step: int) -> dict[str, Any]:
    return learning_curve(sweep, parameters, step) | {"return": 1.0}


@pytest.mark.parametrize(
    ("trials", "curve"), [(12, failing), (12, tied), (1, learning_curve), (2, learning_curve)]
)
def test_sweeps_of_failures_of_ties_and_of_hardly_any_trials(
    trials: int, curve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_tune, "learning_curve", curve)
    found = run(tmp_path, freeze_thaw(trials=trials, max_env_steps=4 * FULL))
    complete = of_state(found, TrialState.COMPLETE)
    failed = of_state(found, TrialState.FAIL)
    assert not of_state(found, TrialState.RUNNING)
    assert sum(2 * max(trial.intermediate_values, default=0) for trial in found) <= 4 * FULL
    assert bool(failed) == (curve is failing)
    assert all(trial.params["gae_lambda"] >= 0.85 for trial in complete) or not failed
    assert len(complete) >= min(trials, 2)
    assert len(found) <= trials and (trials > 2 or len(complete) == trials)


def test_a_target_ends_the_sweep(tmp_path: Path) -> None:
    trials = run(tmp_path, freeze_thaw(target=0.2))
    assert any(trial.value >= 0.2 for trial in of_state(trials, TrialState.COMPLETE))
    assert not of_state(trials, TrialState.RUNNING)
    assert sum(2 * max(trial.intermediate_values) for trial in trials) < BUDGET - FULL


def test_with_a_larger_budget_the_search_goes_on(tmp_path: Path) -> None:
    sweep = freeze_thaw()
    before = len(of_state(run(tmp_path, sweep), TrialState.COMPLETE))
    trials = run(tmp_path, replace(sweep, max_env_steps=BUDGET + 3 * FULL))
    assert len(of_state(trials, TrialState.COMPLETE)) > before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_env_steps": None}, r"give max_env_steps \(or --max-steps\), such as 12,800"),
        ({"objectives": [("length", "min")]}, "compares trials by one value: use 'nsga2'"),
        ({"scheduler": "asha"}, "pauses trials by itself: use scheduler=None"),
    ],
)
def test_what_it_cannot_do_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_sweep(freeze_thaw(**given))
