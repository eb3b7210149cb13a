"""What W&B and MLflow themselves receive of a sweep, of its interruptions and of its report."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from optuna.trial import TrialState

from segue.tune.observers.services import Loggers, check_services
from segue.tune.run.directory import RunDirectory
from tests.tune.support.doubles import make_sweep
from tests.tune.support.drivers import ROOT, driving, outcomes, run, trials_of, wait_for
from tests.tune.support.fake_tune import FakeTune, open_record
from tests.tune.support.wandb_files import WandbRun, wandb_runs

MLFLOW_STATUS = {
    TrialState.COMPLETE: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.FAIL: "FAILED",
}


def test_what_is_not_installed_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.tune.observers.services.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"Logging to wandb needs its package: pip install 'segue\[wandb\]'\."
    ):
        check_services(["wandb"])


def test_without_a_service_nothing_is_written(tmp_path: Path) -> None:
    sweep = make_sweep(scheduler=None)
    record = open_record(tmp_path, sweep)
    FakeTune(record, sweep, 1, {}, tmp_path).run()
    with Loggers((), "double", record, sweep, RunDirectory(tmp_path)):
        pass
    record.close()
    assert not (tmp_path / "logged").exists()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's, whose tables it creates one by one: a kill in between leaves a part of them."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    made = f"from mlflow import MlflowClient as C; C('sqlite:///{path}').search_experiments()"
    subprocess.run([sys.executable, "-c", made], cwd=path.parent, check=True, capture_output=True)
    return path


@pytest.fixture
def services(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both write what they receive under the test's directory; returns that of the run."""
    shutil.copyfile(database, tmp_path / "mlflow.db")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path / "run"


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestServices:
    """Sweeps in drivers of their own, and what `wandb` and `mlflow` wrote of them."""

    def test_trials_before_the_request_and_after_a_kill_are_logged_once(
        self, services: Path
    ) -> None:
        assert run(services, trials=2)[0] == 0
        both = {"log_to": ["wandb", "mlflow"]}
        assert run(services, trials=6, kill_at=("report", 20), **both)[0] == -signal.SIGKILL
        assert run(services, trials=6, **both)[0] == 0
        check_wandb(services)
        check_mlflow(services)
        assert no_service_is_left(services)

    def test_an_interrupted_trial_resumes_in_its_run(self, services: Path) -> None:
        both = {"log_to": ["wandb", "mlflow"], "trials": 1}
        with driving(services, seconds=2.0, **both) as driver:
            wait_for(
                lambda: mlflow_has_a_report(services) and list(services.glob("wandb/offline-run-*"))
            )
            driver.send_signal(signal.SIGINT)
            driver.finish()
        (first,) = wandb_runs(services)
        assert first.is_preempted
        assert [status for status, *_ in mlflow_runs(services).values()] == ["SCHEDULED"]
        assert run(services, **both)[0] == 0
        assert {each.identity for each in wandb_runs(services)} == {first.identity}
        check_wandb(services)
        check_mlflow(services)

    def test_an_unavailable_server_ends_nothing(
        self, services: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with driving(services, trials=2, log_to=["mlflow"]) as driver:
            said = driver.finish() + driver.errors
        assert driver.returncode == 0
        assert said.count("mlflow cannot be updated") == 1
        assert said.count("mlflow did not receive everything") == 1
        assert len(trials_of(services, TrialState.COMPLETE, TrialState.PRUNED)) == 2

    def test_the_report_is_an_artifact_of_which_nothing_is_left_at_home(
        self, services: Path, tmp_path: Path
    ) -> None:
        """MLflow replaces that of an earlier end of the sweep."""
        home = tmp_path / "home"
        report = services / "report.html"
        for folder in (home, services):
            folder.mkdir()
        asked = (
            "from pathlib import Path\n"
            "from segue.tune.observers.services import send_report\n"
            "from segue.tune.run.directory import RunDirectory\n"
            f"run = Path({str(services)!r})\n"
            "report = run / 'report.html'\n"
            "for content, names in (('<p>1', ['mlflow']), ('<p>2', ['wandb', 'mlflow'])):\n"
            "    report.write_text(content)\n"
            "    send_report(names, 'my sweep', RunDirectory(run), report)\n"
        )
        environment = os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT / "src")}
        said = subprocess.run(
            [sys.executable, "-c", asked],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stderr == ""
        report.unlink()
        (sent,) = wandb_runs(services)
        assert (sent.name, sent.group) == ("report", "my sweep")
        (copy,) = sent.artifacts["report"]
        assert copy.is_relative_to(services / "wandb") and copy.read_text() == "<p>2"
        (stored,) = tmp_path.glob("mlruns/*/*/artifacts/report.html")
        assert stored.read_text() == "<p>2"
        assert not [
            file for file in home.rglob("*") if file.is_file() and b"<p>" in file.read_bytes()
        ]

    def test_without_a_key_of_wandb_it_is_refused_before_anything_is_written(
        self, tmp_path: Path
    ) -> None:
        asked = (
            "from segue.tune.observers.services import check_services; check_services(['wandb'])"
        )
        environment = {
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT / "src"),
        }
        said = subprocess.run(
            [sys.executable, "-c", asked],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (
            said.stderr.splitlines()[-1]
            == "ValueError: W&B has no key here: run `wandb login`, or set WANDB_MODE=offline to"
            " store its runs on this machine."
        )


def check_wandb(path: Path) -> None:
    """Each trial of the study has one run, with its parameters, its reports once, and its end."""
    of_trial: dict[str, list[WandbRun]] = {}
    for each in wandb_runs(path):
        of_trial.setdefault(each.name, []).append(each)
    finished = [outcome for outcome in outcomes(path) if outcome[1].is_finished()]
    assert sorted(of_trial) == sorted(str(outcome[0]) for outcome in finished)
    for number, state, value, params, values, _ in finished:
        parts = of_trial[str(number)]
        assert {(part.group, part.project) for part in parts} == {("double", "segue")}
        assert len({part.identity for part in parts}) == 1
        assert parts[-1].config.items() >= dict(params).items()
        assert {step: row["return"] for part in parts for step, row in part.rows} == values
        assert sum(len(part.rows) for part in parts) == len(values)
        assert parts[-1].summary["state"] == (
            "failed" if state == TrialState.FAIL else state.name.lower()
        )
        assert parts[-1].exit_code == int(state == TrialState.FAIL)
        assert parts[-1].tags[0] == parts[-1].summary["state"]
        assert parts[-1].tags[1] in ("stage 1 of 2", "stage 2 of 2")
        assert value is None or parts[-1].summary["return"] == value


def check_mlflow(path: Path) -> None:
    """The same of MLflow."""
    found = mlflow_runs(path)
    finished = [outcome for outcome in outcomes(path) if outcome[1].is_finished()]
    assert sorted(found) == sorted(str(outcome[0]) for outcome in finished)
    for number, state, _, params, values, _ in finished:
        status, logged, rows = found[str(number)]
        assert status == MLFLOW_STATUS[state]
        assert logged.items() >= {name: str(value) for name, value in dict(params).items()}.items()
        assert rows == sorted(values.items())


def mlflow_runs(path: Path) -> dict[str, tuple[str, dict[str, str], list[tuple[int, float]]]]:
    """Status, parameters, and steps with returns, by name; each name is there once."""
    with closing(sqlite3.connect(path.parent / "mlflow.db")) as store:
        (experiment,) = store.execute(
            "select experiment_id from experiments where name = 'double'"
        ).fetchone()
        runs = store.execute(
            "select run_uuid, name, status from runs where experiment_id = ?", [experiment]
        ).fetchall()
        assert len({name for _, name, _ in runs}) == len(runs)
        return {name: (status, *_mlflow_run(store, identity)) for identity, name, status in runs}


def _mlflow_run(
    store: sqlite3.Connection, identity: str
) -> tuple[dict[str, str], list[tuple[int, float]]]:
    params = store.execute(
        "select key, value from params where run_uuid = ?", [identity]
    ).fetchall()
    asked = "select step, value from metrics where run_uuid = ? and key = 'return' order by step"
    return dict(params), store.execute(asked, [identity]).fetchall()


def mlflow_has_a_report(path: Path) -> bool:
    try:
        return any(rows for _, _, rows in mlflow_runs(path).values())
    except (sqlite3.OperationalError, TypeError):  # no tables, no experiment yet
        return False


def no_service_is_left(path: Path) -> bool:
    """No process of W&B's that works in this directory outlives its driver."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if not any(
            str(path).encode() in _open_files(process) for process in Path("/proc").glob("[0-9]*")
        ):
            return True
        time.sleep(0.2)
    return False


def _open_files(process: Path) -> bytes:
    try:
        if b"wandb" not in (process / "cmdline").read_bytes():
            return b""
        return b"\0".join(bytes(each.readlink()) for each in (process / "fd").iterdir())
    except OSError:  # it has ended, or is somebody else's
        return b""
