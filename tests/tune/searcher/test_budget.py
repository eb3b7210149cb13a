"""What a sweep may spend, on the real study, without Ray."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from segue.record.study.attributes import TOTAL_ENV_STEPS
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.searcher import is_complete
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import MIXED, make_sweep
from tests.tune.support.fake_tune import FakeTune, open_record

FULL = 2400  # steps of a trial of the double: 1200 for each of two seeds


def run(path: Path, *budgets: int | None, **given: Any) -> StudyRecord:
    """Run with each number of steps in turn, in a study that is reopened."""
    for steps in budgets:
        sweep = make_sweep(max_env_steps=steps, **given)
        record = open_record(path, sweep)
        FakeTune(record, sweep, 16, {}).run()
    return record


def spent(record: StudyRecord) -> int:
    return sum(trial.user_attrs.get(TOTAL_ENV_STEPS, 0) for trial in record.trials)


@pytest.mark.parametrize("steps", [FULL - 1, FULL, 3 * FULL, 10 * FULL + 17])
def test_steps_are_never_overspent_and_as_many_trials_run_as_fit(
    tmp_path: Path, steps: int
) -> None:
    record = run(tmp_path, steps, scheduler=None)
    assert spent(record) <= steps
    assert len(record.numbers(TrialState.COMPLETE, TrialState.FAIL)) >= steps // FULL
    assert not record.numbers(TrialState.RUNNING)


@pytest.mark.parametrize(
    ("scheduler", "state"), [("stage_asha", TrialState.PRUNED), (None, TrialState.FAIL)]
)
def test_what_stopped_and_failed_trials_spent_counts(
    tmp_path: Path, scheduler: str | None, state: TrialState
) -> None:
    record = run(tmp_path, 9 * FULL, scheduler=scheduler)
    assert record.numbers(state)
    done = [trial for trial in record.trials if trial.state.is_finished()]
    assert all(trial.user_attrs[TOTAL_ENV_STEPS] > 0 for trial in done)
    assert spent(record) <= 9 * FULL
    assert len(done) > 9  # what was saved goes to further trials


def test_a_larger_budget_continues(tmp_path: Path) -> None:
    record = run(tmp_path, 3 * FULL, 5 * FULL, scheduler=None)
    assert len([trial for trial in record.trials if trial.state.is_finished()]) >= 5


def test_a_spent_budget_is_a_complete_sweep(tmp_path: Path) -> None:
    record = run(tmp_path, 2 * FULL, scheduler=None)
    assert is_complete(record, Budget(16, FULL, 2 * FULL))
    assert not is_complete(record, Budget(16, FULL, 20 * FULL))


@pytest.mark.parametrize(("mode", "target"), [("max", 0.5), ("min", 0.95)])
def test_a_target_ends_the_sweep_with_the_trial_that_reaches_it(
    tmp_path: Path, mode: str, target: float
) -> None:
    sweep = make_sweep(space=MIXED, trials=30, target=target, mode=mode, scheduler=None)
    record = open_record(tmp_path, sweep)
    FakeTune(record, sweep, 30, {}).run()
    values = [trial.value for trial in record.trials if trial.value is not None]
    reaches = [value >= target if mode == "max" else value <= target for value in values]
    assert reaches == [False] * (len(values) - 1) + [True]
    assert len(values) < 30
    assert is_complete(record, Budget(30, FULL, None, target, mode))


def test_a_running_trial_is_stopped_once_another_reached_the_target(tmp_path: Path) -> None:
    sweep = make_sweep(target=0.1, scheduler=None)
    record = open_record(tmp_path, sweep)
    fake = FakeTune(record, sweep, 16, {})
    running = fake.start()
    FakeTune(record, sweep, 16, {})  # nothing of it runs
    record.begin(5)
    record.complete(5, 1200, 0.9, {})
    assert fake.reports(running, 100)
    trial = record.trials[running.config["trial"]]
    assert trial.state == TrialState.PRUNED
    assert trial.user_attrs["stopped_by"] == "The sweep's target was reached by trial 5."


def test_while_trials_run_a_budget_may_still_allow_another() -> None:
    class Running:
        number = 0
        last_step = None

    budget = Budget(16, FULL, int(1.5 * FULL))
    record: Any = type("Record", (), {"trials": []})()
    assert budget.allows_another(record)
    budget.begin(Running(), 2)  # type: ignore[arg-type]
    assert not budget.allows_another(record) and budget.may_allow_another(record)
    budget.end(0)
    assert budget.allows_another(record)
