"""The fault matrix: whatever ends a trial, a node, the disk or the driver, the same command goes
on.

Each case compares with a sweep that nothing disturbed, one trial at a time: the same parameters,
states, values and intermediate values. Kills of the driver between its writes: test_searcher.py,
where a negative control shows that they can be detected; at points of its real run: test_crash.py.
A node that is killed: cluster/test_three_nodes.py, with real training.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import TrialState

from segue.base.files import read_rows
from segue.tune.drive import run_sweep
from segue.tune.schedulers.rules.stage_asha import StageASHA
from tests.tune.support.doubles import FAILS_AT, TRIALS, driven_sweep, make_runner
from tests.tune.support.drivers import (
    FINISHED,
    driving,
    executed_twice,
    outcomes,
    run,
    run_here,
    trials_of,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]

DONE = (0, "interrupted by None")


def test_a_driver_killed_twice_in_one_sweep(whole: Path, tmp_path: Path) -> None:
    assert run(tmp_path, kill_at=("report", 15))[0] == -signal.SIGKILL
    assert run(tmp_path, kill_at=("report", 12))[0] == -signal.SIGKILL
    assert run(tmp_path) == DONE
    assert outcomes(tmp_path) == outcomes(whole)
    assert executed_twice(tmp_path) <= 2


class TestTrialsThatMisbehave:
    """In this process."""

    def test_a_hanging_trial_is_killed_and_resumes(self, whole: Path, tmp_path: Path) -> None:
        run_here(tmp_path, trials=2, report_timeout_s=4.0, hangs=(300, 1))
        assert outcomes(tmp_path)[:2] == outcomes(whole)[:2]

    def test_a_trial_that_keeps_hanging_fails_and_the_rest_continues(self, tmp_path: Path) -> None:
        run_here(tmp_path, trials=2, report_timeout_s=4.0, retries=1, hangs=(300, 2))
        first, *rest = trials_of(tmp_path)[:2]
        assert first.state == TrialState.FAIL
        assert first.user_attrs["reason"] == "It reported nothing for 4 s."
        assert first.user_attrs["log"] == "trials/0000/log.txt"
        assert all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in rest)

    def test_stopped_ones_with_a_slow_teardown_break_no_other(
        self, whole: Path, tmp_path: Path
    ) -> None:
        run_here(tmp_path, trials=4, teardown=1.5)
        assert outcomes(tmp_path)[:4] == outcomes(whole)[:4]


@pytest.mark.parametrize("output", ["closed", "full", "unread"])
def test_output_that_nobody_reads(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    if output == "closed":
        os.close(reading)
    elif output == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), writing)
    else:
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, bytes(4096))
        os.set_blocking(writing, True)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        result = run_sweep(
            driven_sweep(trials=2), "double", tmp_path, runner=make_runner(fails_at=FAILS_AT)
        )
        monkeypatch.undo()
    assert result.problem is None
    assert len(trials_of(tmp_path, *FINISHED)) == 2


def test_the_newest_checkpoint_truncated(whole: Path, tmp_path: Path) -> None:
    with driving(tmp_path, seconds=0.05) as driver:
        wait_for(lambda: len(list(tmp_path.glob("trials/0005/checkpoint-*"))) == 2)
        driver.kill()
    time.sleep(0.5)  # its worker notices
    newest = max(tmp_path.glob("trials/0005/checkpoint-??????"))
    newest.write_bytes(newest.read_bytes()[:10])
    assert run(tmp_path) == DONE
    assert outcomes(tmp_path) == outcomes(whole)
    assert list(tmp_path.glob("trials/0005/damaged-*"))


def test_a_truncated_study_is_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    run_here(tmp_path, trials=2)
    study = tmp_path / "study.db"
    kept = shutil.copy(study, tmp_path.parent / "kept.db")
    study.write_bytes(study.read_bytes()[: study.stat().st_size // 3])
    cut = study.read_bytes()
    with pytest.raises(
        ValueError, match=r"cannot be read as an Optuna study.*start from scratch with --fr"
    ):
        run_here(tmp_path)
    assert study.read_bytes() == cut
    shutil.copy(kept, study)
    run_here(tmp_path, trials=3)
    assert len(trials_of(tmp_path, *FINISHED)) == 3


def test_a_study_that_is_locked_for_a_while(whole: Path, tmp_path: Path) -> None:
    with driving(tmp_path, seconds=0.05) as driver:
        wait_for(lambda: len(trials_of(tmp_path, *FINISHED)) >= 2)
        with closing(
            sqlite3.connect(tmp_path / "study.db", timeout=300, isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(2)
            other.execute("ROLLBACK")
        said = driver.finish()
        assert driver.returncode == 0 and "interrupted by None" in said
    assert outcomes(tmp_path) == outcomes(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid():
        pytest.skip("only root can mount a small disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(path: Path) -> None:
    """Write until nothing more can be written."""
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"0" * size)
            except OSError:
                continue


def test_a_full_disk_stops_the_sweep_and_the_study_stays_readable(
    whole: Path, small_disk: Path
) -> None:
    path = small_disk / "run"
    with driving(path, seconds=0.05) as driver:
        wait_for(lambda: len(trials_of(path, *FINISHED)) >= 3)
        fill(small_disk / "filler")
        said = driver.finish()
        assert driver.returncode == 0
    assert "The disk is full" in said and "free some space, and run the same command again" in said
    (small_disk / "filler").unlink()
    assert len(trials_of(path, *FINISHED)) < TRIALS
    assert run(path) == DONE
    assert outcomes(path) == outcomes(whole)


@pytest.mark.parametrize("kills", [0, 2])
def test_with_two_trials_at_once_the_verdicts_are_those_of_the_logged_order(
    tmp_path: Path, kills: int
) -> None:
    options: dict[str, Any] = {
        "trials": 12,
        "seconds": 0.02,
        "concurrency": 2,
        "scheduler": "stage_asha",
        "log": True,
    }
    for done in (4, 8)[:kills]:
        with driving(tmp_path, **options) as driver:
            wait_for(lambda done=done: len(trials_of(tmp_path, *FINISHED)) >= done)  # type: ignore[misc]
            driver.kill()
    assert run(tmp_path, **options) == DONE
    rows = last_of_each(read_rows(tmp_path / "judged.jsonl"))
    replay = StageASHA(100, 3, metric="return", mode="max")
    said = [
        replay.on_trial_result(None, SimpleNamespace(trial_id=str(row["trial"])), row)
        for row in rows
    ]
    assert [
        verdict if not row["final"] else "CONTINUE" for verdict, row in zip(said, rows, strict=True)
    ] == [row["verdict"] for row in rows]
    stopped = {row["trial"] for row in rows if row["verdict"] == "STOP"}
    assert stopped == {trial.number for trial in trials_of(tmp_path, TrialState.PRUNED)}
    assert stopped


def last_of_each(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last verdict on each report, which the study has.

    A report that was evaluated when the driver was killed is evaluated again.
    """
    last = {(row["trial"], row["env_steps"]): index for index, row in enumerate(rows)}
    return [row for index, row in enumerate(rows) if last[row["trial"], row["env_steps"]] == index]
