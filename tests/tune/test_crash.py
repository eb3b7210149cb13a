"""Drivers that are killed: the sweep they leave behind is continued to what an uninterrupted one
would have been.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from optuna.trial import TrialState

from tests.tune.support.drivers import (
    FINISHED,
    SECONDS,
    command,
    driving,
    executed_twice,
    outcomes,
    run,
    trials_of,
    wait_for,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that nothing interrupted, one trial at a time."""
    path = tmp_path_factory.mktemp("whole")
    assert run(path) == (0, "interrupted by None")
    return path


@pytest.mark.parametrize(
    "kill_at", [("report", 30), ("_annotate", 5), ("propose", 2)], ids=lambda at: at[0]
)
def test_a_killed_driver_leaves_a_sweep_that_can_be_continued(
    whole: Path, tmp_path: Path, kill_at: tuple[str, int]
) -> None:
    assert run(tmp_path, kill_at=kill_at)[0] == -signal.SIGKILL
    assert run(tmp_path) == (0, "interrupted by None")
    assert outcomes(tmp_path) == outcomes(whole)
    assert executed_twice(tmp_path) <= 1  # the step between the last checkpoint and the kill


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name
)
def test_a_signal_ends_the_run_so_that_it_can_be_continued(
    whole: Path, tmp_path: Path, number: int
) -> None:
    with driving(tmp_path, seconds=0.05) as driver:
        wait_for(lambda: len(trials_of(tmp_path, TrialState.COMPLETE)) >= 2)
        # As Ctrl-C in a terminal does: to Ray's processes, too.
        os.killpg(driver.pid, number) if number == signal.SIGINT else driver.send_signal(number)
        said, _ = driver.communicate(timeout=SECONDS)
        assert driver.returncode == 0
    assert f"interrupted by {number}" in said
    assert "The running trials can be continued later." in said
    assert len(trials_of(tmp_path, TrialState.RUNNING)) == 1
    assert run(tmp_path) == (0, "interrupted by None")
    assert outcomes(tmp_path) == outcomes(whole)


def test_killed_at_any_time_with_two_trials_at_once_none_is_lost_or_doubled(tmp_path: Path) -> None:
    for done in (3, 9):
        with driving(tmp_path, seconds=0.02, concurrency=2) as driver:
            wait_for(lambda done=done: len(trials_of(tmp_path, *FINISHED)) >= done)
            driver.kill()
    assert run(tmp_path, concurrency=2) == (0, "interrupted by None")
    trials = trials_of(tmp_path)
    assert len(trials) == 18
    assert all(trial.state in FINISHED for trial in trials)
    assert len(list((tmp_path / "trials").glob("????"))) == 18
    assert executed_twice(tmp_path) <= 4


def test_a_second_driver_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with driving(tmp_path, seconds=0.05, trials=4) as first:
        wait_for(lambda: len(trials_of(tmp_path, TrialState.RUNNING)) == 1)
        first.send_signal(
            signal.SIGSTOP
        )  # however long the second one takes to start, the first is not done before
        refused = subprocess.run(
            command(tmp_path), capture_output=True, text=True, timeout=SECONDS, check=False
        )
        first.send_signal(signal.SIGCONT)
        assert "is in use by another process" in refused.stderr
        assert first.wait(timeout=SECONDS) == 0
    assert len(trials_of(tmp_path, *FINISHED)) == 4
