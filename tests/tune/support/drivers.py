"""Drivers in processes of their own, and what they leave behind: for tests that kill them.

Each is forked from a process that has imported everything already, and uses the Ray of the tests
where there is one: it then starts in a second.
"""

import io
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna
import ray
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from segue.base.files import read_rows
from segue.tune.drive import run_sweep
from tests.tune.support.doubles import FAILS_AT, driven_sweep, make_runner
from tests.tune.support.programs import driver

ROOT = Path(__file__).parents[3]
SECONDS = driver.SECONDS
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload([driver.__name__])


class Driver:
    """A driver in a separate process and process group."""

    def __init__(self, path: Path, folder: Path, options: dict[str, Any]) -> None:
        self._stdout = folder / "stdout"
        self._stderr = folder / "stderr"
        environment = os.environ | {"TMPDIR": str(folder)}
        if str(ROOT) not in sys.path:
            sys.path.append(str(ROOT))  # for the process that forks
        self._process = _FORKING.Process(
            target=driver.main,
            args=(path, options, environment, (self._stdout, self._stderr)),
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
        self._process.join()

    def finish(self) -> str:
        """Wait until the driver ends, and return what it printed."""
        self._process.join(SECONDS)
        assert self.returncode is not None, f"the driver does not end: {self.errors}"
        return self._stdout.read_text()

    @property
    def errors(self) -> str:
        return self._stderr.read_text()


def run(path: Path, **options: Any) -> tuple[int, str]:
    """The exit code and the last line of a driver that runs to its end."""
    with driving(path, **options) as process:
        lines = process.finish().strip().splitlines()
        assert process.returncode is not None
        return process.returncode, lines[-1] if lines else ""


@contextmanager
def driving(path: Path, **options: Any) -> Iterator[Driver]:
    """Run a driver for the block's length, with the options of `support.programs.driver`.

    With `own_ray`, it starts a Ray of its own.
    """
    if ray.is_initialized() and not options.pop("own_ray", False):
        options["ray"] = ray.get_runtime_context().gcs_address
    # A killed driver leaves Ray's directory behind: let it be one that ends with the test.
    with TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as folder:
        process = Driver(path, Path(folder), options)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()


def run_here(
    path: Path, hangs: tuple[int, int] = (0, 0), teardown: float = 0.0, **given: Any
) -> None:
    """The drivers' sweep, in this process."""
    runner = make_runner(fails_at=FAILS_AT, hangs=hangs, teardown=teardown)
    sweep = driven_sweep(**given)
    run_sweep(sweep, "double", path, console=Console(file=io.StringIO()), runner=runner)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def remove(folder: Path) -> None:
    """Remove a folder to which workers of a killed driver may write for a moment longer."""

    def is_gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    wait_for(is_gone)


def trials_of(path: Path, *states: TrialState) -> list[FrozenTrial]:
    if not any((path / "trials").glob("*")):
        return []  # the driver is creating the study, which must not be opened yet
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
