"""The watchdog's arithmetic; that it kills a hung worker: test_faults.py."""

from typing import Any

import pytest

from segue.tune.observers.watchdog import Watchdog
from segue.tune.ray_adapter import RunningTrial
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


def trial(number: int) -> RunningTrial:
    return RunningTrial(number, f"actor of {number}")


def test_a_silent_trial_is_killed_once_and_its_cause_is_recorded(killed: list[Any]) -> None:
    clock = Clock()
    verdicts = Verdicts()
    dog = Watchdog(60.0, verdicts, clock)
    dog.started(7)
    for now, kills in ((59.0, 0), (61.0, 1), (62.0, 1), (122.0, 2)):
        clock.now = now
        dog.tick([trial(7)])
        assert killed == ["actor of 7"] * kills
    assert verdicts.hung == {7: "It reported nothing for 60 s."}


def test_a_report_restarts_the_time(killed: list[Any]) -> None:
    clock = Clock()
    dog = Watchdog(60.0, Verdicts(), clock)
    dog.started(0)
    for now in (50.0, 100.0, 150.0):
        clock.now = now
        dog.reported(0, {})
        dog.tick([trial(0)])
    assert killed == []


@pytest.mark.parametrize(("gap", "limit"), [(10.0, 3600.0), (1000.0, 10_000.0)])
def test_auto_waits_an_hour_or_ten_times_the_longest_silence(
    gap: float, limit: float, killed: list[Any]
) -> None:
    clock = Clock()
    dog = Watchdog("auto", Verdicts(), clock)
    dog.started(0)
    dog.started(1)
    assert dog.limit is None
    clock.now = 1e6  # nothing was ever reported: how long a report takes is not known
    dog.tick([trial(0), trial(1)])
    assert killed == []
    dog._last_seen = {0: clock.now - gap, 1: clock.now}
    dog.reported(0, {})
    assert dog.limit == limit


def test_none_never_kills(killed: list[Any]) -> None:
    clock = Clock()
    dog = Watchdog(None, Verdicts(), clock)
    dog.started(0)
    clock.now = 1e9
    dog.tick([trial(0)])
    assert killed == []


def test_a_kill_and_a_silence_of_all_are_notified_once(killed: list[Any]) -> None:
    clock = Clock()
    messages = list[str]()
    dog = Watchdog(60.0, Verdicts(), clock, messages.append)
    for now in (59.0, 61.0, 200.0):  # no machine runs the trial
        clock.now = now
        dog.tick([])
    assert messages == ["No trial has started or reported for 60 s."]
    dog.started(7)
    dog.reported(7, {})
    for now in (259.0, 261.0, 300.0):
        clock.now = now
        dog.tick([trial(7)])
    assert messages[1:] == ["Trial 7 reported nothing for 60 s; it is killed and restarted."]


def test_the_silence_of_a_sweep_that_is_paused_counts_for_nothing(killed: list[Any]) -> None:
    clock = Clock()
    messages = list[str]()
    paused = [False]
    dog = Watchdog(60.0, Verdicts(), clock, messages.append, lambda: paused[0])
    dog.started(7)
    for now, is_paused, running in (
        (50.0, True, [7]),  # on its way to the report at which it leaves
        (70.0, True, []),
        (1000.0, True, []),
        (1059.0, False, []),  # it resumes once a worker is there
        (1061.0, False, []),
    ):
        paused[0] = is_paused
        clock.now = now
        dog.tick([trial(number) for number in running])
        assert killed == []
        assert messages == ["No trial has started or reported for 60 s."] * (now > 1060)


@pytest.mark.parametrize(("timeout", "count"), [("auto", 1), (None, 0)])
def test_where_nothing_was_ever_reported_auto_notifies_after_an_hour(
    timeout: Any, count: int
) -> None:
    clock = Clock()
    messages = list[str]()
    dog = Watchdog(timeout, Verdicts(), clock, messages.append)
    clock.now = 3601.0
    dog.tick([trial(0)])
    assert messages == ["No trial has started or reported for 3,600 s."] * count
