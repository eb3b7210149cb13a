import math
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState
from ray import tune
from ray.tune.search import Searcher

from segue.plan.sweeps.sweep import Sweep
from segue.tune.search.samplers import sampler_for
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.searcher import StudySearcher, is_complete, left_to_run
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import FAILURE, Verdicts
from tests.tune.support.doubles import MIXED, make_sweep
from tests.tune.support.fake_tune import FakeTune, open_record

ROW = {"return": 1.0, "env_steps": 300, "stage": 0, "metric_per_seed": [0.9, 1.1], "final": False}
SMALL_GRID = {
    "first_steps": 400,
    "lr": tune.grid_search([1e-3, 3e-4, 1e-4, 3e-3]),
    "gae_lambda": tune.grid_search([0.95]),
}
BUDGET = 8  # half of it from the grid, half from TPE


def test_the_grid_comes_first_then_new_trials_then_the_end(tmp_path: Path) -> None:
    sweep = make_sweep(space=SMALL_GRID, trials=5)
    record = open_record(tmp_path, sweep)
    searcher = _searcher(record, sweep, budget=5)
    suggested = [searcher.suggest(f"tune-{index}") for index in range(4)]
    assert [config["trial"] for config in suggested if isinstance(config, dict)] == [0, 1, 2, 3]
    recorded = [config["recorded"] for config in suggested if isinstance(config, dict)]
    assert [SMALL_GRID | {"gae_lambda": 0.95} | each for each in recorded] == sweep.grid()
    # A fifth one is proposed, and repeats one that is being trained.
    assert searcher.suggest("tune-4") is None and len(record) == 5
    for index in range(4):
        searcher.on_trial_complete(f"tune-{index}", ROW | {"final": True})
    assert searcher.suggest("tune-5") == Searcher.FINISHED
    assert record.trials[4].state == TrialState.COMPLETE


def test_a_budget_below_the_grid_leaves_the_rest_waiting(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    FakeTune(record, make_sweep(), 3, {}).run()
    assert len(record.numbers(TrialState.WAITING)) == 13
    assert is_complete(record, Budget(3))
    assert not is_complete(record, Budget(4))


def test_interrupted_trials_come_first(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    for number in range(4):
        record.begin(number)
    record.complete(2, 1200, 1.0, {})
    assert list(left_to_run(record, Budget(7))) == [0, 1, 3, 4, 5, 6]


def test_a_trial_that_continues_has_a_value_and_no_end(tmp_path: Path) -> None:
    trial = _reported(tmp_path, [("result", ROW)])
    assert (trial.state, trial.intermediate_values) == (TrialState.RUNNING, {300: 1.0})


def test_a_trial_that_ended_is_complete_with_what_it_reached(tmp_path: Path) -> None:
    row = ROW | {"final": True, "stage": 1}
    trial = _reported(tmp_path, [("result", row), ("complete", row)])
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 1.0)
    assert trial.user_attrs == {
        "stage": 2,
        "env_steps": 300,
        "return_per_seed": [0.9, 1.1],
        "directory": "trials/0000",
    }


def test_a_trial_that_the_scheduler_stopped_is_pruned(tmp_path: Path) -> None:
    trial = _reported(tmp_path, [("complete", ROW)], stopped=True)
    assert (trial.state, trial.value, trial.last_step) == (TrialState.PRUNED, 1.0, 300)


@pytest.mark.parametrize(
    ("row", "error", "lost", "reason"),
    [
        (
            ROW | {"return": math.nan, FAILURE: "ValueError: diverged"},
            False,
            None,
            "ValueError: diverged",
        ),
        (None, True, "Its worker was lost: killed.", "Its worker was lost: killed."),
        (None, True, None, "Its worker was lost."),
        (ROW, False, None, "It returned before its pipeline had ended."),
    ],
)
def test_a_trial_that_broke_has_failed_with_the_reason(
    tmp_path: Path, row: dict[str, Any] | None, error: bool, lost: str | None, reason: str
) -> None:
    trial = _reported(tmp_path, [("complete", row)], error=error, lost=lost)
    assert trial.state == TrialState.FAIL
    assert trial.user_attrs["reason"] == reason
    assert trial.user_attrs["directory"] == "trials/0000"


def test_each_trial_has_a_sampler_of_its_own(tmp_path: Path) -> None:
    for search in ("tpe", "random"):
        proposed = []
        for number in (0, 1, 0):
            path = tmp_path / f"{search}-{len(proposed)}"
            path.mkdir()
            record = open_record(path, make_sweep(space=MIXED, trials=3))
            record.propose(sampler_for(search, seed=7, number=number))
            proposed.append(record.parameters(0))
        assert proposed[0] == proposed[2] != proposed[1]


def test_tpe_learns_from_the_grid(tmp_path: Path) -> None:
    sweep = make_sweep(
        space=SMALL_GRID | {"lr": tune.grid_search([1e-5, 3e-4, 1e-2])}, trials=40, scheduler=None
    )
    record = open_record(tmp_path, sweep)
    FakeTune(record, sweep, 40, {}).run()
    late = [record.parameters(number)["lr"] for number in range(20, 40)]
    assert late.count(3e-4) > 12


class Killed(BaseException):
    """In place of SIGKILL."""


@pytest.mark.parametrize("stride", [23, pytest.param(2, marks=pytest.mark.slow)])
def test_a_kill_between_any_two_writes_changes_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    sweep = make_sweep(space=SMALL_GRID, trials=BUDGET)
    whole, writes = _run(tmp_path / "whole", sweep, monkeypatch, kill_before=[])
    assert {trial[0] for trial in whole} == {
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
    }
    for write in range(0, writes, stride):
        killed, _ = _run(tmp_path / str(write), sweep, monkeypatch, kill_before=[write])
        assert killed == whole, f"killed before write {write}"


@pytest.mark.slow
def test_a_kill_at_every_fourth_write_changes_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(space=SMALL_GRID, trials=BUDGET)
    whole, writes = _run(tmp_path / "whole", sweep, monkeypatch, kill_before=[])
    killed, _ = _run(tmp_path / "killed", sweep, monkeypatch, kill_before=list(range(0, writes, 4)))
    assert killed == whole


def test_the_check_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = make_sweep(space=SMALL_GRID, trials=BUDGET)
    whole, writes = _run(tmp_path / "whole", sweep, monkeypatch, kill_before=[])
    monkeypatch.setattr(
        "segue.tune.schedulers.study_scheduler.StudyScheduler._rebuild",
        lambda self, tune_controller: None,
    )
    runs = (
        _run(tmp_path / str(write), sweep, monkeypatch, kill_before=[write])[0]
        for write in range(20, writes, 10)
    )
    assert any(run != whole for run in runs), (
        "rungs that are not rebuilt must let other trials pass"
    )


def _run(
    path: Path, sweep: Sweep, monkeypatch: pytest.MonkeyPatch, kill_before: list[int]
) -> tuple[list[Any], int]:
    """Run a sweep, killed before each of these writes to the disk and started again; its trials and
    all writes.
    """
    path.mkdir()
    steps: dict[int, int] = {}
    pending = list(kill_before)
    writes = 0

    def write(method: Any) -> Any:
        def written(*arguments: Any, **keywords: Any) -> Any:
            nonlocal writes
            if pending and writes == pending[0]:
                pending.pop(0)
                raise Killed
            writes += 1
            return method(*arguments, **keywords)

        return written

    while True:
        record = open_record(path, sweep)
        for name in (
            "create_new_trial",
            "set_trial_intermediate_value",
            "set_trial_user_attrs",
            "set_trial_state_values",
        ):
            storage = record._disk.storage
            monkeypatch.setattr(storage, name, write(getattr(storage, name)))
        try:
            FakeTune(record, sweep, BUDGET, steps).run()
        except Killed:
            record.close()
            continue
        trials = [
            (trial.state, trial.value, trial.params, trial.intermediate_values, trial.user_attrs)
            for trial in record.trials
        ]
        record.close()
        return trials, writes


def _searcher(
    record: StudyRecord, sweep: Sweep, budget: int, verdicts: Verdicts | None = None
) -> StudySearcher:
    return StudySearcher(record, sweep, Budget(budget), verdicts or Verdicts())


def _reported(
    path: Path,
    events: list[tuple[str, Any]],
    stopped: bool = False,
    error: bool = False,
    lost: str | None = None,
) -> FrozenTrial:
    verdicts = Verdicts(stopped={0: "ASHA"} if stopped else {}, lost={0: lost} if lost else {})
    record = open_record(path, make_sweep())
    searcher = _searcher(record, make_sweep(), 1, verdicts)
    searcher.suggest("tune-0")
    for kind, row in events:
        if kind == "result":
            searcher.on_trial_result("tune-0", row)
        else:
            searcher.on_trial_complete("tune-0", row, error)
    return record.trials[0]
