"""The watchdog's arithmetic; that it kills a hung worker: test_faults.py."""

from types import SimpleNamespace
from typing import Any

import pytest

from segue.tune.observers.watchdog import Watchdog
from segue.tune.verdicts import Verdicts


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    actors: list[Any] = []
    monkeypatch.setattr("ray.kill", actors.append)
    return actors


def trial(name: str, status: str = "RUNNING") -> Any:
    state = SimpleNamespace(ray_actor=f"actor of {name}")
    return SimpleNamespace(trial_id=name, status=status, config={"trial": 7}, temporary_state=state)


def test_a_silent_trial_is_killed_once_and_its_cause_is_kept(killed: list[Any]) -> None:
    clock, verdicts, hung = Clock(), Verdicts(), trial("a")
    dog = Watchdog(60.0, verdicts, clock)
    dog.on_trial_start(0, [], hung)
    for now, kills in ((59.0, 0), (61.0, 1), (62.0, 1), (122.0, 2)):
        clock.now = now
        dog.on_step_end(0, [hung])
        assert len(killed) == kills
    assert verdicts.hung == {7: "It reported nothing for 60 s."}


def test_a_report_starts_the_time_anew(killed: list[Any]) -> None:
    clock, dog, alive = Clock(), None, trial("a")
    dog = Watchdog(60.0, Verdicts(), clock)
    dog.on_trial_start(0, [], alive)
    for now in (50.0, 100.0, 150.0):
        clock.now = now
        dog.on_trial_result(0, [], alive, {})
        dog.on_step_end(0, [alive, trial("b", "PENDING")])
    assert killed == []


@pytest.mark.parametrize(("gap", "limit"), [(10.0, 3600.0), (1000.0, 10_000.0)])
def test_auto_waits_an_hour_or_ten_times_the_longest_silence(
    gap: float, limit: float, killed: list[Any]
) -> None:
    clock, slow, hung = Clock(), trial("a"), trial("b")
    dog = Watchdog("auto", Verdicts(), clock)
    dog.on_trial_start(0, [], slow)
    dog.on_trial_start(0, [], hung)
    assert dog.limit is None
    clock.now = 1e6  # nothing was ever reported: how long a report takes is not known
    dog.on_step_end(0, [slow, hung])
    assert killed == []
    dog._heard = {"a": clock.now - gap, "b": clock.now}
    dog.on_trial_result(0, [], slow, {})
    assert dog.limit == limit


def test_none_never_kills(killed: list[Any]) -> None:
    clock = Clock()
    dog = Watchdog(None, Verdicts(), clock)
    dog.on_trial_start(0, [], trial("a"))
    clock.now = 1e9
    dog.on_step_end(0, [trial("a")])
    assert killed == []


def test_a_kill_and_a_silence_of_all_are_told_once(killed: list[Any]) -> None:
    clock, told, running = Clock(), list[str](), trial("a")
    dog = Watchdog(60.0, Verdicts(), clock, told.append)
    waiting = [trial("b", "PENDING")]
    for now in (59.0, 61.0, 200.0):  # no machine runs it
        clock.now = now
        dog.on_step_end(0, waiting)
    assert told == ["No trial has started or reported for 60 s."]
    dog.on_trial_start(0, [], running)
    dog.on_trial_result(0, [], running, {})
    for now in (259.0, 261.0, 300.0):
        clock.now = now
        dog.on_step_end(0, [running])
    assert told[1:] == ["Trial 7 reported nothing for 60 s; it is killed and tried again."]


@pytest.mark.parametrize(("timeout", "count"), [("auto", 1), (None, 0)])
def test_where_nothing_was_ever_reported_auto_tells_after_an_hour(timeout: Any, count: int) -> None:
    clock, told = Clock(), list[str]()
    dog = Watchdog(timeout, Verdicts(), clock, told.append)
    clock.now = 3601.0
    dog.on_step_end(0, [trial("a")])
    assert told == ["No trial has started or reported for 3,600 s."] * count
