"""Drivers that are killed: the sweep they leave behind is continued to what an uninterrupted one
would have been.
"""

import os
import signal
from pathlib import Path

import psutil
import pytest
from optuna.trial import TrialState

from tests.tune.support.drivers import (
    FINISHED,
    driving,
    executed_twice,
    outcomes,
    run,
    trials_of,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]
DONE = (0, "interrupted by None")


@pytest.mark.parametrize(
    "kill_at", [("report", 30), ("_annotate", 5), ("propose", 2)], ids=lambda at: at[0]
)
def test_a_killed_driver_leaves_a_sweep_that_can_be_continued(
    whole: Path, tmp_path: Path, kill_at: tuple[str, int]
) -> None:
    assert run(tmp_path, kill_at=kill_at)[0] == -signal.SIGKILL
    assert run(tmp_path) == DONE
    assert outcomes(tmp_path) == outcomes(whole)
    assert executed_twice(tmp_path) <= 1  # the step between the last checkpoint and the kill


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name
)
def test_a_signal_ends_the_run_so_that_it_can_be_continued(
    whole: Path, tmp_path: Path, number: int
) -> None:
    from_a_terminal = number == signal.SIGINT
    with driving(tmp_path, seconds=0.05, own_ray=from_a_terminal) as driver:
        wait_for(lambda: len(trials_of(tmp_path, TrialState.COMPLETE)) >= 2)
        # As Ctrl-C in a terminal does: to Ray's processes, too.
        os.killpg(driver.pid, number) if from_a_terminal else driver.send_signal(number)
        said = driver.finish()
        assert driver.returncode == 0
    assert f"interrupted by {number}" in said
    assert "The running trials can be resumed later." in said
    assert len(trials_of(tmp_path, TrialState.RUNNING)) == 1
    assert run(tmp_path) == DONE
    assert outcomes(tmp_path) == outcomes(whole)


def test_a_killed_raylet_ends_the_run_so_that_it_can_be_continued(
    whole: Path, tmp_path: Path
) -> None:
    with driving(tmp_path, seconds=0.05, own_ray=True) as driver:
        wait_for(lambda: len(trials_of(tmp_path, TrialState.COMPLETE)) >= 2)
        children = psutil.Process(driver.pid).children()
        next(child for child in children if child.name() == "raylet").kill()
        said = driver.finish()
        assert driver.returncode == 0
    assert "Ray has died on this machine (its process raylet was killed" in said
    assert len(trials_of(tmp_path, TrialState.RUNNING)) == 1
    assert run(tmp_path) == DONE
    assert outcomes(tmp_path) == outcomes(whole)


def test_killed_at_any_time_with_two_trials_at_once_none_is_lost_or_doubled(tmp_path: Path) -> None:
    for done in (3, 6):
        with driving(tmp_path, seconds=0.02, concurrency=2) as driver:
            wait_for(lambda done=done: len(trials_of(tmp_path, *FINISHED)) >= done)
            driver.kill()
    assert run(tmp_path, concurrency=2) == DONE
    trials = trials_of(tmp_path)
    assert len(trials) == 10
    assert all(trial.state in FINISHED for trial in trials)
    assert len(list((tmp_path / "trials").glob("????"))) == 10
    assert executed_twice(tmp_path) <= 4


def test_a_second_driver_is_refused_and_the_first_continues(tmp_path: Path) -> None:
    with driving(tmp_path, seconds=0.05, trials=2) as first:
        wait_for(lambda: len(trials_of(tmp_path, TrialState.RUNNING)) == 1)
        first.send_signal(signal.SIGSTOP)  # it is not done before the second one has tried
        with driving(tmp_path) as second:
            second.finish()
            assert "is in use by another process" in second.errors
        first.send_signal(signal.SIGCONT)
        first.finish()
        assert first.returncode == 0
    assert len(trials_of(tmp_path, *FINISHED)) == 2
