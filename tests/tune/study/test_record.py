import math
from pathlib import Path

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from segue.tune.search.domains import SearchSpace
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import GRID, MIXED, make_sweep
from tests.tune.support.fake_tune import open_record


def test_a_plan_is_recorded_once_with_its_parameters(tmp_path: Path) -> None:
    for _ in range(2):
        record = open_record(tmp_path, make_sweep())
        record.close()
    assert [trial.state for trial in record.trials] == [TrialState.WAITING] * 16
    assert [record.parameters(number) for number in range(16)] == make_sweep().grid()


def test_a_plan_that_was_cut_off_is_completed(tmp_path: Path) -> None:
    points = make_sweep().grid() or []
    record = StudyRecord(tmp_path / "study.db", "double", "max", SearchSpace.of(GRID))
    record.plan(points[:5])
    record.close()
    record = open_record(tmp_path, make_sweep())
    assert [record.parameters(number) for number in range(len(record))] == points


def test_a_running_trial_keeps_its_number_and_its_values(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    record.begin(0)
    record.report(0, 100, 1.5)
    record.close()
    again = open_record(tmp_path, make_sweep())
    assert again.numbers(TrialState.RUNNING) == [0]
    assert again.trials[0].intermediate_values == {100: 1.5}
    assert again.has_verdict(0, 100)
    assert not again.has_verdict(0, 200)
    again.complete(0, 200, 2.5, {"env_steps": 200})
    assert _from_disk(tmp_path)[0].state == TrialState.COMPLETE


def test_each_end_has_its_state_value_and_attributes(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    for number in range(3):
        record.begin(number)
    record.complete(0, 1200, 3.0, {"env_steps": 1200})
    record.stop(1, 200, 1.0, {"env_steps": 200})
    record.fail(2, "diverged", {})
    record.close()
    complete, pruned, failed = _from_disk(tmp_path)[:3]
    assert (complete.state, complete.value, complete.user_attrs) == (
        TrialState.COMPLETE,
        3.0,
        {"env_steps": 1200},
    )
    assert (pruned.state, pruned.value, pruned.last_step) == (TrialState.PRUNED, 1.0, 200)
    assert pruned.user_attrs["stop"] == {"step": 200, "value": 1.0}
    assert (failed.state, failed.value, failed.user_attrs) == (
        TrialState.FAIL,
        None,
        {"reason": "diverged"},
    )


def test_a_stop_that_was_marked_is_finished_when_the_study_is_opened(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    record.begin(0)
    record._annotate(0, {"stop": {"step": 300, "value": 0.5}})  # and then a kill
    record.close()
    trial = open_record(tmp_path, make_sweep()).trials[0]
    assert (trial.state, trial.value, trial.intermediate_values) == (
        TrialState.PRUNED,
        0.5,
        {300: 0.5},
    )


def test_a_value_is_recorded_once(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    record.begin(0)
    record.report(0, 100, 1.0)
    record.report(0, 100, 7.0)
    assert record.trials[0].intermediate_values == {100: 1.0}


@pytest.mark.slow
def test_a_reopened_study_proposes_what_an_open_one_does(tmp_path: Path) -> None:
    sweep = make_sweep(space=MIXED, trials=30)
    (tmp_path / "reopened").mkdir()
    reopened = open_record(tmp_path / "reopened", sweep)
    kept = open_record(tmp_path, sweep)
    for number in range(12):  # TPE draws the first ten at random
        assert (
            reopened.propose(TPESampler(seed=number))
            == kept.propose(TPESampler(seed=number))
            == number
        )
        parameters = kept.parameters(number)
        assert reopened.parameters(number) == parameters
        for record in (reopened, kept):
            record.complete(number, 100, math.log10(parameters["lr"]), {})
        reopened.close()
        reopened = open_record(tmp_path / "reopened", sweep)


def test_optuna_reads_the_study_while_it_is_written(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    record.begin(0)
    assert [trial.state for trial in _from_disk(tmp_path)[:2]] == [
        TrialState.RUNNING,
        TrialState.WAITING,
    ]


def test_a_closed_study_is_one_file(tmp_path: Path) -> None:
    open_record(tmp_path, make_sweep()).close()
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


def test_a_path_may_hold_braces(tmp_path: Path) -> None:
    odd = tmp_path / "{odd} name"
    odd.mkdir()
    open_record(odd, make_sweep()).close()
    assert (odd / "study.db").exists()


def test_a_file_that_is_not_a_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("no study, but long enough to be read as one" * 100)
    with pytest.raises(ValueError, match=r"study\.db cannot be read as an Optuna study .* --fresh"):
        open_record(tmp_path, make_sweep())


def _from_disk(path: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="double", storage=f"sqlite:///{path / 'study.db'}").trials


def test_the_study_names_its_values(tmp_path: Path) -> None:
    record = StudyRecord(
        tmp_path / "study.db", "double", "max", SearchSpace.of(GRID), further=["min"]
    )
    record.name_objectives(["success", "steps to 0.9"])
    record.name_objectives(["success", "steps to 0.9"])
    record.close()
    study = optuna.load_study(study_name="double", storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert study.metric_names == ["success", "steps to 0.9"]
