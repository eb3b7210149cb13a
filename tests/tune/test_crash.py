"""Drivers that are killed: the sweep they leave behind is continued to what an uninterrupted one would have been."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from segue.plan.files import read_rows

ROOT = Path(__file__).parents[2]
SECONDS = 120

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that nothing interrupted, one trial at a time."""
    path = tmp_path_factory.mktemp("whole")
    assert _run(path) == (0, "interrupted by None")
    return path


@pytest.mark.parametrize("kill_at", [("report", 30), ("_annotate", 5), ("propose", 2)], ids=lambda at: at[0])
def test_a_killed_driver_leaves_a_sweep_that_can_be_continued(
    whole: Path, tmp_path: Path, kill_at: tuple[str, int]
) -> None:
    assert _run(tmp_path, kill_at=kill_at)[0] == -signal.SIGKILL
    assert _run(tmp_path) == (0, "interrupted by None")
    assert _outcomes(tmp_path) == _outcomes(whole)
    assert _executed_twice(tmp_path) <= 1  # the step between the last checkpoint and the kill


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_the_run_so_that_it_can_be_continued(whole: Path, tmp_path: Path, number: int) -> None:
    with _driver(tmp_path, seconds=0.05) as driver:
        _wait_for(lambda: len(_trials(tmp_path, TrialState.COMPLETE)) >= 2)
        # As Ctrl-C in a terminal does: to Ray's processes, too.
        os.killpg(driver.pid, number) if number == signal.SIGINT else driver.send_signal(number)
        said, _ = driver.communicate(timeout=SECONDS)
        assert driver.returncode == 0
    assert f"interrupted by {number}" in said
    assert "The running trials can be continued later." in said
    assert len(_trials(tmp_path, TrialState.RUNNING)) == 1
    assert _run(tmp_path) == (0, "interrupted by None")
    assert _outcomes(tmp_path) == _outcomes(whole)


def test_killed_at_any_time_with_two_trials_at_once_none_is_lost_or_doubled(tmp_path: Path) -> None:
    for done in (3, 9):
        with _driver(tmp_path, seconds=0.02, concurrency=2) as driver:
            _wait_for(lambda done=done: len(_trials(tmp_path, *_FINISHED)) >= done)
            driver.kill()
    assert _run(tmp_path, concurrency=2) == (0, "interrupted by None")
    trials = _trials(tmp_path)
    assert len(trials) == 18
    assert all(trial.state in _FINISHED for trial in trials)
    assert len(list((tmp_path / "trials").glob("????"))) == 18
    assert _executed_twice(tmp_path) <= 4


def test_a_second_driver_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with _driver(tmp_path, seconds=0.05, trials=4) as first:
        _wait_for(lambda: len(_trials(tmp_path, TrialState.RUNNING)) == 1)
        refused = subprocess.run(_command(tmp_path), capture_output=True, text=True, timeout=SECONDS, check=False)
        assert "is in use by another process" in refused.stderr
        assert first.wait(timeout=SECONDS) == 0
    assert len(_trials(tmp_path, *_FINISHED)) == 4


_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def _command(path: Path, **options: Any) -> list[str]:
    return [sys.executable, "-m", "tests.tune.driver", str(path), json.dumps(options)]


def _run(path: Path, **options: Any) -> tuple[int, str]:
    """The exit code and the last line of a driver that runs to its end."""
    with _driver(path, **options) as driver:
        said, _ = driver.communicate(timeout=SECONDS)
        return driver.returncode, said.strip().splitlines()[-1] if said.strip() else ""


@contextmanager
def _driver(path: Path, **options: Any) -> Iterator["subprocess.Popen[str]"]:
    # A killed driver leaves Ray's directory behind: let it be one that ends with the test.
    with TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        process = subprocess.Popen(
            _command(path, **options),
            cwd=ROOT,
            env=os.environ | {"TMPDIR": temporary},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _trials(path: Path, *states: TrialState) -> list[FrozenTrial]:
    if not (path / "trials").exists():  # the driver is making the study, in which nobody must meddle
        return []
    trials = optuna.load_study(study_name="double", storage=f"sqlite:///{path / 'study.db'}").trials
    return [trial for trial in trials if not states or trial.state in states]


def _outcomes(path: Path) -> list[Any]:
    return [
        (trial.number, trial.state, trial.value, trial.params, trial.intermediate_values, trial.user_attrs)
        for trial in _trials(path)
    ]


def _executed_twice(path: Path) -> int:
    """How many steps were trained again, over all trials."""
    executed = [[row["step"] for row in read_rows(file)] for file in path.glob("trials/*/executed.jsonl")]
    return sum(len(steps) - len(set(steps)) for steps in executed)
