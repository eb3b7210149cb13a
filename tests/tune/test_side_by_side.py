"""Workers of several trials on a real Ray, disturbed in every way: the results are the same."""

import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from ray import cloudpickle
from rich.console import Console

from segue.tune.drive import run_sweep
from tests.train.support.same import assert_same_state
from tests.train.support.trials import final_state
from tests.tune.support import side_by_side as doubles
from tests.tune.support.drivers import driving, run, trials_of, wait_for
from tests.tune.support.side_by_side import (
    KINDS,
    LRS,
    TRIALS,
    adopted_of,
    reports_of,
    rows_of,
    side_by_side,
    workers_of,
)

SHARING = 2 * len(LRS)  # of three trials that train the same first stage, two begin with it

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


def run_here(path: Path, mark: Path, **given: Any) -> str:
    """Run the sweep in this process, and return what it prints."""
    cloudpickle.register_pickle_by_value(doubles)
    said = io.StringIO()
    run_sweep(side_by_side(mark, **given), "double", path, console=Console(file=said, width=200))
    return said.getvalue()


def facts(path: Path) -> list[Any]:
    """Return what a study holds of each trial, and its rows."""
    return [
        (
            trial.state,
            trial.value,
            trial.intermediate_values,
            trial.user_attrs.get("reason"),
            rows_of(path, trial.number),
        )
        for trial in trials_of(path)
    ]


def assert_same(path: Path, other: Path) -> None:
    """Compare the studies, the rows, and the last checkpoints of trials that ended."""
    assert facts(path) == facts(other)
    for trial in trials_of(path, TrialState.COMPLETE):
        states = [final_state(run / f"trials/{trial.number:04d}") for run in (path, other)]
        for state in states:
            del state["identity"]  # it depends on the path of the mark
        assert_same_state(*states)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, cluster: None) -> Path:
    """The run in which a worker trains one trial at a time, each whole, and nothing hangs."""
    path = tmp_path_factory.mktemp("alone")
    (path / "mark").touch()
    assert "side by side" not in run_here(path / "run", path / "mark", rows=1, share_prefixes=False)
    assert not adopted_of(path / "run")
    states = {kind: {found[0] for found in of_kind(path / "run", kind)} for kind in KINDS}
    assert states == {
        "plain": {TrialState.COMPLETE},
        "raises": {TrialState.FAIL},
        "diverges": {TrialState.FAIL},
        "hangs": {TrialState.COMPLETE},
    }
    return path / "run"


def of_kind(path: Path, kind: str) -> list[Any]:
    found = facts(path)
    return [found[trial.number] for trial in trials_of(path) if trial.params["kind"] == kind]


def test_trials_that_raise_diverge_and_hang_disturb_no_other(alone: Path, tmp_path: Path) -> None:
    said = run_here(tmp_path / "run", tmp_path / "mark", report_timeout_s=15.0)
    assert "6 trials side by side in each of 2 workers (--rows)." in said
    assert (tmp_path / "mark").exists(), "one hung"
    assert_same(tmp_path / "run", alone)
    assert len(adopted_of(tmp_path / "run")) == SHARING
    assert not list((tmp_path / "run" / "prefixes").iterdir()), "removed once nobody needs it"


def test_killed_workers_and_drivers_lose_nothing(alone: Path, tmp_path: Path) -> None:
    """A worker with several trials is killed, one is preempted, and the driver is killed twice."""
    path = tmp_path / "run"
    (tmp_path / "mark").touch()
    with driving(path, rows=6, mark=str(tmp_path / "mark")) as driver:
        for reports, number in ((12, signal.SIGKILL), (30, signal.SIGTERM)):
            wait_for(lambda least=reports: reports_of(path) >= least and workers_of(path) != {})
            busiest = max(workers_of(path).items(), key=lambda worker: len(worker[1]))
            os.kill(busiest[0], number)
        wait_for(lambda: reports_of(path) >= 45)
        driver.kill()
    with driving(path, rows=6, mark=str(tmp_path / "mark")) as driver:
        wait_for(lambda: reports_of(path) >= 55)
        driver.kill()
    assert run(path, rows=6, mark=str(tmp_path / "mark")) == (0, "interrupted by None")
    assert_same(path, alone)
    assert adopted_of(path)


def test_under_a_scheduler_the_rows_that_both_have_are_the_same(
    alone: Path, tmp_path: Path
) -> None:
    (tmp_path / "mark").touch()
    run_here(tmp_path / "run", tmp_path / "mark", scheduler="asha", rows=3)
    states = [trial.state for trial in trials_of(tmp_path / "run")]
    assert len(states) == TRIALS == len(LRS) * len(KINDS)
    assert TrialState.PRUNED in states and TrialState.COMPLETE in states
    for number in range(TRIALS):
        here = rows_of(tmp_path / "run", number)
        assert here == rows_of(alone, number)[: len(here)]
