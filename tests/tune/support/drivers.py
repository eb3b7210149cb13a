"""Drivers in processes of their own, and what they leave behind: for tests that kill them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from segue.base.files import read_rows

ROOT = Path(__file__).parents[3]
SECONDS = 120
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def command(path: Path, **options: Any) -> list[str]:
    return [sys.executable, "-m", "tests.tune.support.driver", str(path), json.dumps(options)]


def run(path: Path, **options: Any) -> tuple[int, str]:
    """The exit code and the last line of a driver that runs to its end."""
    with driving(path, **options) as driver:
        said, _ = driver.communicate(timeout=SECONDS)
        return driver.returncode, said.strip().splitlines()[-1] if said.strip() else ""


@contextmanager
def driving(
    path: Path, stderr: int | None = None, **options: Any
) -> Iterator["subprocess.Popen[str]"]:
    # A killed driver leaves Ray's directory behind: let it be one that ends with the test.
    with TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        process = subprocess.Popen(
            command(path, **options),
            cwd=ROOT,
            env=os.environ | {"TMPDIR": temporary},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def trials_of(path: Path, *states: TrialState) -> list[FrozenTrial]:
    if not (
        path / "trials"
    ).exists():  # the driver is making the study, in which nobody must meddle
        return []
    trials = optuna.load_study(study_name="double", storage=f"sqlite:///{path / 'study.db'}").trials
    return [trial for trial in trials if not states or trial.state in states]


def outcomes(path: Path) -> list[Any]:
    return [
        (
            trial.number,
            trial.state,
            trial.value,
            trial.params,
            trial.intermediate_values,
            trial.user_attrs,
        )
        for trial in trials_of(path)
    ]


def executed_twice(path: Path) -> int:
    """How many steps were trained again, over all trials."""
    executed = [
        [row["step"] for row in read_rows(file)] for file in path.glob("trials/*/executed.jsonl")
    ]
    return sum(len(steps) - len(set(steps)) for steps in executed)
