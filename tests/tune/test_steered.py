"""A sweep on Ray that is steered, and whose driver is killed as it records what was requested."""

import signal
from collections import Counter
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from segue.base.files import read_rows
from segue.record.local_run import LocalRun
from segue.record.study.attributes import STAGES_ENDED_BY, STEERED, STEERING, STOPPED_BY
from segue.record.study.stages import Stages
from segue.record.study.steering import new_request, origin, steered, write_request
from tests.tune.support.drivers import Driver, driving, trials_of, wait_for
from tests.tune.support.side_by_side import rows_of
from tests.tune.support.steered import EVERY, FAST, SLOW, STAGE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]
ADDED = {**SLOW, "lr": 2e-3}


def test_requests_are_applied_once_although_the_driver_is_killed_at_each_record(
    tmp_path: Path,
) -> None:
    """Before and after the record of each: the pause, an addition, the end of the pause, the end of
    a stage and a stop. The driver after the next finds the request applied, or applies it.
    """
    path = tmp_path / "run"
    request = partial(_request, path)
    with _driving(path, "pause", "before") as driver:
        wait_for(lambda: len(rows_of(path, 0)) >= 2)
        request("pause")
        _is_killed(driver)
    assert _steering(path) == []
    with _driving(path, "pause", "after") as driver:
        _is_killed(driver)
    assert _steering(path) == ["pause"]

    before = _reports(path)
    for moment, trials in (("before", 2), ("after", 3)):
        with _driving(path, "add", moment) as driver:
            if moment == "before":
                request("add", parameters=ADDED)
            _is_killed(driver)
        assert len(trials_of(path)) == trials
    for moment, recorded in (("before", ["pause"]), ("after", ["pause", "resume"])):
        with _driving(path, "resume", moment) as driver:
            if moment == "before":
                wait_for(lambda: list((path / "requests").iterdir()) == [])
                request("resume")
            _is_killed(driver)
        assert _steering(path) == recorded
    assert _reports(path) == before, "nothing was trained while the sweep was paused"

    request("end_stage", trial=0, stage=0)
    for moment, ended in (("before", False), ("after", True)):
        with _driving(path, "end_stage", moment) as driver:
            _is_killed(driver)
        assert (STAGES_ENDED_BY in trials_of(path)[0].user_attrs) == ended
    for moment, stopped in (("before", False), ("after", True)):
        with _driving(path, "stop", moment) as driver:
            if moment == "before":
                wait_for(lambda: trials_of(path)[2].state == TrialState.RUNNING)
                request("stop", trial=2)
            _is_killed(driver)
        assert (STOPPED_BY in trials_of(path)[2].user_attrs) == stopped
    with _driving(path) as driver:
        driver.finish()
        assert driver.returncode == 0
    _check(path)


def _check(path: Path) -> None:
    """Compare what the study and the trials' own files hold with what was requested."""
    ended, whole, added = trials = trials_of(path)
    assert [each.params for each in trials] == [SLOW, FAST, ADDED]
    assert [each.state.name for each in trials] == ["COMPLETE", "COMPLETE", "PRUNED"]
    (end,), (add, stop) = ended.user_attrs[STEERED], added.user_attrs[STEERED]
    assert [each["action"] for each in (end, add, stop)] == ["end_stage", "add", "stop"]
    assert ended.user_attrs[STAGES_ENDED_BY] == {"1": f"Ended by {origin(end['by'], end['at'])}."}
    assert added.user_attrs[STOPPED_BY] == f"Stopped by {origin(stop['by'], stop['at'])}."
    first, last = _ends(ended)
    assert first < STAGE and last == first + STAGE
    assert _ends(whole) == [STAGE, 2 * STAGE]
    for trial, steps in ((ended, last), (whole, 2 * STAGE), (added, added.last_step)):
        assert steps is not None
        reports = list(range(EVERY, steps + 1, EVERY))
        assert [row["env_steps"] for row in rows_of(path, trial.number)] == reports
        assert sorted(trial.intermediate_values) == reports
    found = steered(trials, _study(path).user_attrs[STEERING])
    once = Counter(["pause", "add", "resume", "end_stage", "stop"])
    assert Counter(each.action for each in found) == once
    assert [each.problem for each in found] == [None] * 5
    assert list((path / "requests").iterdir()) == []


def _driving(path: Path, action: str = "", moment: str = "") -> AbstractContextManager[Driver]:
    """A driver that is killed around the record of a request, if any."""
    kill = {"kill_around": (action, moment)} if action else {}
    return driving(path, steered=True, **kill)


def _request(path: Path, action: Any, **what: Any) -> None:
    write_request(LocalRun(path), new_request(action, **what))


def _is_killed(driver: Driver) -> None:
    driver.finish()
    assert driver.returncode == -signal.SIGKILL, driver.errors


def _reports(path: Path) -> int:
    return sum(len(read_rows(file)) for file in path.glob("trials/*/results.jsonl"))


def _study(path: Path) -> optuna.Study:
    return optuna.load_study(study_name="double", storage=f"sqlite:///{path / 'study.db'}")


def _steering(path: Path) -> list[str]:
    return [each["action"] for each in _study(path).user_attrs.get(STEERING, [])]


def _ends(trial: FrozenTrial) -> list[int]:
    stages = Stages.recorded_of(trial)
    assert stages is not None
    return list(stages.ended_at)
