"""Trials that repeat the parameters of another one are not trained."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from ray import tune
from ray.tune.search import Searcher

from segue.plan.sweeps.sweep import Sweep
from segue.record.study.steering import new_request
from segue.tune.search.define_by_run import of_recorded
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.copies import Copies
from segue.tune.searcher.searcher import StudySearcher, is_complete
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import FAILURE, Verdicts
from tests.tune.support.doubles import MIXED, learning_curve, make_sweep
from tests.tune.support.fake_tune import FakeTune, open_record

FEW = {"first_steps": 400, "lr": tune.choice([1e-3, 1e-4]), "gae_lambda": 0.9}


def few(**given: Any) -> Sweep:
    """A sweep of two configurations."""
    return make_sweep(**({"space": FEW, "trials": 6, "scheduler": None} | given))


class TestOneAfterTheOther:
    def test_each_configuration_is_trained_once(self, tmp_path: Path) -> None:
        steps: dict[int, int] = {}
        constraints = {"good": lambda row: row["return"] - 0.5}
        sweep = few(constraints=constraints, objectives=[("return", "max")])
        record = _record(tmp_path, sweep)
        FakeTune(record, sweep, 6, steps).run()
        copies = [trial for trial in record.trials if "copy_of" in trial.user_attrs]
        assert len(steps) == 2 and len(copies) == 4
        for trial in copies:
            original = record.trials[trial.user_attrs["copy_of"]]
            assert original.number in steps
            assert (trial.state, trial.params) == (TrialState.COMPLETE, original.params)
            assert trial.values == original.values and len(trial.values) == 2
            assert trial.constraints == original.constraints != {}
            assert trial.user_attrs["return_per_seed"] == original.user_attrs["return_per_seed"]
            assert (trial.user_attrs["total_env_steps"], trial.intermediate_values) == (0, {})
        record.close()
        assert is_complete(_record(tmp_path, sweep), Budget(6))

    def test_copies_cost_no_steps(self, tmp_path: Path) -> None:
        sweep = few(max_env_steps=3 * 1200 * 2)
        record = open_record(tmp_path, sweep)
        FakeTune(record, sweep, 6, {}).run()
        assert len(record) == 6

    def test_a_failed_configuration_is_tried_again(self, tmp_path: Path) -> None:
        # FakeTune breaks each trial with this learning rate.
        sweep = few(space=FEW | {"lr": tune.choice([3e-3])}, trials=2)
        record = open_record(tmp_path, sweep)
        FakeTune(record, sweep, 2, {}).run()
        assert [trial.state for trial in record.trials] == [TrialState.FAIL] * 2

    def test_trials_of_another_definition_are_not_copied(self, tmp_path: Path) -> None:
        sweep = few(space=FEW | {"lr": tune.choice([1e-3])}, trials=2)
        record = open_record(tmp_path, sweep)
        for changed, expected in ((timedelta(minutes=1), False), (-timedelta(minutes=1), True)):
            searcher = _searcher(record, sweep, Copies(record, datetime.now() + changed))
            if not record.trials:
                _run_one(searcher, sweep, "tune-0")
            assert (searcher.suggest("tune-1") == Searcher.FINISHED) is expected

    def test_a_trial_of_which_a_person_ended_a_stage_is_not_copied(self, tmp_path: Path) -> None:
        sweep = few(space=FEW | {"lr": tune.choice([1e-3])}, trials=2)
        record = open_record(tmp_path, sweep)
        searcher = _searcher(record, sweep, Copies(record))
        config = searcher.suggest("tune-0")
        assert isinstance(config, dict)
        request = new_request("end_stage", trial=0, stage=0).recorded()
        record.record_stage_end(0, 0, "Ended by ann.", record.steered_by(0, request))
        _end(searcher, sweep, "tune-0", config)
        assert isinstance(searcher.suggest("tune-1"), dict)

    def test_trials_that_change_are_not_copied(self, tmp_path: Path) -> None:
        sweep = few(scheduler="pbt")
        steps: dict[int, int] = {}
        FakeTune(open_record(tmp_path, sweep), sweep, 4, steps, tmp_path).run()
        assert len(steps) == 4


class TestAtOnce:
    """Trials that repeat one which is being trained."""

    @pytest.fixture
    def sweep(self) -> Sweep:
        return few(space=FEW | {"lr": tune.choice([1e-3])}, trials=3)

    def test_they_wait_and_are_copies_once_it_is_complete(
        self, tmp_path: Path, sweep: Sweep
    ) -> None:
        record = open_record(tmp_path, sweep)
        told: list[tuple[int, int]] = []
        copies = Copies(record, on_copy=lambda number, original: told.append((number, original)))
        searcher = _searcher(record, sweep, copies)
        first = searcher.suggest("tune-0")
        assert isinstance(first, dict) and first["trial"] == 0
        assert searcher.suggest("tune-1") is None and len(record) == 3
        _end(searcher, sweep, "tune-0", first)
        assert searcher.suggest("tune-1") == Searcher.FINISHED
        assert told == [(1, 0), (2, 0)]
        assert record.numbers(TrialState.COMPLETE) == [0, 1, 2]

    def test_one_of_them_is_trained_if_it_fails(self, tmp_path: Path, sweep: Sweep) -> None:
        record = open_record(tmp_path, sweep)
        searcher = _searcher(record, sweep, Copies(record))
        searcher.suggest("tune-0")
        assert searcher.suggest("tune-1") is None
        searcher.on_trial_complete("tune-0", {FAILURE: "ValueError: diverged"})
        second = searcher.suggest("tune-1")
        assert isinstance(second, dict) and second["trial"] == 1
        assert searcher.suggest("tune-2") is None
        _end(searcher, sweep, "tune-1", second)
        assert searcher.suggest("tune-2") == Searcher.FINISHED
        assert record.trials[2].user_attrs["copy_of"] == 1

    def test_they_are_still_copies_after_a_kill(self, tmp_path: Path, sweep: Sweep) -> None:
        record = open_record(tmp_path, sweep)
        searcher = _searcher(record, sweep, Copies(record))
        first = searcher.suggest("tune-0")
        assert isinstance(first, dict) and searcher.suggest("tune-1") is None
        searcher.on_trial_result("tune-0", _row(sweep, first, 100))
        record.close()
        again = open_record(tmp_path, sweep)
        searcher = _searcher(again, sweep, Copies(again))
        resumed = searcher.suggest("tune-9")
        assert isinstance(resumed, dict) and resumed["trial"] == 0
        assert searcher.suggest("tune-10") is None
        _end(searcher, sweep, "tune-9", resumed)
        assert searcher.suggest("tune-10") == Searcher.FINISHED
        assert [trial.user_attrs.get("copy_of") for trial in again.trials] == [None, 0, 0]

    def test_other_configurations_do_not_wait(self, tmp_path: Path) -> None:
        sweep = make_sweep(space=MIXED, trials=4, scheduler=None)
        record = open_record(tmp_path, sweep)
        searcher = _searcher(record, sweep, Copies(record))
        assert all(isinstance(searcher.suggest(f"tune-{n}"), dict) for n in range(4))

    def test_steps_are_reserved_for_them(self, tmp_path: Path, sweep: Sweep) -> None:
        record = open_record(tmp_path, sweep)
        budget = Budget(3, full_run=2400, env_steps=2 * 2400)
        searcher = StudySearcher(record, sweep, budget, Verdicts(), Copies(record))
        first = searcher.suggest("tune-0")
        assert isinstance(first, dict) and searcher.suggest("tune-1") is None
        assert len(record) == 2  # a third one could exceed the steps if the first failed
        _end(searcher, sweep, "tune-0", first)
        assert searcher.suggest("tune-1") == Searcher.FINISHED
        assert len(record) == 3


def _record(path: Path, sweep: Sweep) -> StudyRecord:
    from segue.tune.checks.sweep import check_sweep

    further = [mode for _, mode in sweep.objectives]
    return StudyRecord(path / "study.db", "double", "max", check_sweep(sweep).space, further)


def _searcher(record: StudyRecord, sweep: Sweep, copies: Copies) -> StudySearcher:
    trials = sweep.trials
    assert trials is not None
    return StudySearcher(record, sweep, Budget(trials), Verdicts(), copies)


def _run_one(searcher: StudySearcher, sweep: Sweep, trial_id: str) -> None:
    config = searcher.suggest(trial_id)
    assert isinstance(config, dict)
    _end(searcher, sweep, trial_id, config)


def _row(sweep: Sweep, config: dict[str, Any], step: int) -> dict[str, Any]:
    return learning_curve(sweep, of_recorded(sweep, config["recorded"]), step)


def _end(searcher: StudySearcher, sweep: Sweep, trial_id: str, config: dict[str, Any]) -> None:
    searcher.on_trial_complete(trial_id, _row(sweep, config, 1200))
