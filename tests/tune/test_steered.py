"""A sweep on Ray that is steered, and whose driver is killed as it records what was requested."""

import signal
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from segue.base.files import read_rows
from segue.record.attributes import STAGES_ENDED_BY, STEERED, STEERING, STOPPED_BY
from segue.record.local_run import LocalRun
from segue.record.steering import new_request, write_request
from tests.tune.support.drivers import FINISHED, driving, executed_twice, run, trials_of, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


def test_requests_are_recorded_once_although_the_driver_is_killed(tmp_path: Path) -> None:
    def request(action: Any, **what: Any) -> None:
        write_request(LocalRun(tmp_path), new_request(action, **what))

    def running(number: int) -> bool:
        return any(trial.number == number for trial in trials_of(tmp_path, TrialState.RUNNING))

    with driving(tmp_path, seconds=0.2, trials=3, kill_at=("steer", 1)) as driver:
        wait_for(lambda: running(0))
        request("pause")
        driver.finish()
        assert driver.returncode == -signal.SIGKILL
    assert _steering(tmp_path) == []
    # `add` is called between the two records of the pause and the end.
    with driving(tmp_path, seconds=0.2, trials=3, kill_at=("add", 1)) as driver:
        wait_for(lambda: _steering(tmp_path) == ["pause"])
        before = _executed(tmp_path)
        request("add", parameters={"lr": 2e-3, "gae_lambda": 0.9})
        driver.finish()
        assert driver.returncode == -signal.SIGKILL
        assert _executed(tmp_path) == before  # nothing trained while it was paused
    with driving(tmp_path, seconds=0.2, trials=3) as driver:
        wait_for(lambda: len(trials_of(tmp_path)) > 8)
        request("end_stage", trial=0, stage=1)
        request("resume")
        wait_for(lambda: running(8))
        request("stop", trial=8)
        said = driver.finish()
        assert driver.returncode == 0
    assert "The sweep is paused (" in said
    assert _steering(tmp_path) == ["pause", "resume"]
    trials = trials_of(tmp_path)
    assert len(trials_of(tmp_path, *FINISHED)) == 4  # three, and the one that was added
    ended = trials[0].user_attrs
    assert [each["action"] for each in ended[STEERED]] == ["end_stage"]
    assert ended[STAGES_ENDED_BY]["2"].startswith("Ended by ")
    added = trials[8]
    assert [each["action"] for each in added.user_attrs[STEERED]] == ["add", "stop"]
    assert (added.state, added.params["lr"]) == (TrialState.PRUNED, 2e-3)
    assert added.user_attrs[STOPPED_BY].startswith("Stopped by ")
    assert executed_twice(tmp_path) <= 2  # the steps between the last checkpoints and the kills
    assert list((tmp_path / "requests").iterdir()) == []
    assert run(tmp_path, trials=3)[0] == 0
    assert len(trials_of(tmp_path, *FINISHED)) == 4


def _steering(path: Path) -> list[str]:
    if not trials_of(path):
        return []
    study = optuna.load_study(study_name="double", storage=f"sqlite:///{path / 'study.db'}")
    return [each["action"] for each in study.user_attrs.get(STEERING, [])]


def _executed(path: Path) -> int:
    return sum(len(read_rows(file)) for file in path.glob("trials/*/executed.jsonl"))
