"""Sweeps that are kept in real stores: moto's S3, and a PostgreSQL server."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
import pytest

from segue.base.files import read_rows
from segue.cli import main
from segue.record.local_run import fetch_run
from segue.report.data.summary import read_summary
from segue.store import objects
from segue.store.objects import Store
from tests.forks import Forked, forked_python
from tests.small_sweeps import small_copies
from tests.store.servers import (
    BUCKET,
    PASSWORD,
    a_postgres,
    a_postgres_that_stops,
    a_reader,
    an_s3,
    an_s3_that_stops,
)
from tests.tune.support.clusters import SECONDS, guarded
from tests.tune.support.drivers import ROOT, remove, wait_for
from tests.tune.support.programs.three_nodes import SHORT, nodes_of

CLUSTER = """
import os, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
for index in range(2):
    cluster.add_node(num_cpus=1, env_vars={"XDG_CACHE_HOME": f"{sys.argv[1]}/node-{index}"})
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""
RESULTS = "trials/0001/results.jsonl"
LOST_SECONDS = 60
STAGE_DONE = b'"stage_done": true'


@contextmanager
def three_nodes(environment: dict[str, str], caches: Path) -> Iterator[str]:
    """The address of a cluster whose machines have no folder in common."""
    with (
        TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary,
        subprocess.Popen(
            [*forked_python(), "-c", CLUSTER, str(caches)],
            env=environment | {"RAY_TMPDIR": temporary},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as cluster,
    ):
        assert cluster.stdout is not None
        yield cluster.stdout.readline().strip()
        cluster.communicate(timeout=SECONDS)


@contextmanager
def driver(
    environment: dict[str, str],
    home: Path,
    *arguments: str,
    program: str = "tests.tune.support.programs.stored_sweep",
) -> Iterator["subprocess.Popen[str]"]:
    """A driver with a separate cache and working directory."""
    home.mkdir(exist_ok=True)
    process = Forked(
        "-m",
        program,
        *arguments,
        env=environment
        | {
            "XDG_CACHE_HOME": str(home / "cache"),
            "PYTHONPATH": f"{ROOT}/src:{ROOT}",
        },
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def has_ended_a_stage(store: Store) -> bool:
    """Whether the rows of a trial in the store are those of a whole stage."""
    rows = (store.read(f"trials/{number:04d}/results.jsonl") for number in range(4))
    return any(STAGE_DONE in (read or b"") for read in rows)


def check_complete(trials: list[optuna.trial.FrozenTrial], run: Path) -> None:
    """Every trial ran to its end, each report was evaluated once, and no stage was lost."""
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    for trial in trials:
        rows = read_rows(run / "trials" / f"{trial.number:04d}" / "results.jsonl")
        steps = [row["env_steps"] for row in rows]
        assert steps == sorted(set(steps)) == sorted(trial.intermediate_values)
        assert {row["stage"]: row["env_steps"] for row in rows if row["stage_done"]} == {
            0: trial.params["imitation_steps"],
            1: SHORT,
        }


@pytest.mark.slow
def test_a_killed_driver_costs_no_stage_when_nothing_local_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with an_s3() as found:
        environment = guarded(tmp_path) | found
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "reader"))
        caches = tmp_path / "caches"
        url = f"s3://{BUCKET}/sweeps/wean"
        store = Store.of(url)
        go = tmp_path / "go"
        with three_nodes(environment, caches) as address:
            given = (address, str(go))
            with driver(environment, tmp_path / "first", url, *given) as first:
                wait_for(lambda: first.poll() is not None or has_ended_a_stage(store))
                first.kill()
                said, _ = first.communicate()
                assert first.returncode == -9, said
            shutil.rmtree(tmp_path / "first")
            remove(caches)
            go.touch()
            with driver(environment, tmp_path / "second", url, *given) as second:
                said, _ = second.communicate(timeout=SECONDS)
                assert second.returncode == 0 and said.splitlines()[-1] == "done", said
        run = fetch_run(url).path
        check_complete(list(read_summary(run).trials), run)
        logs = [(run / "trials" / f"{number:04d}" / "log.txt").read_text() for number in range(4)]
        assert max(len(nodes_of(log)) for log in logs) == 2, "a trial was continued"
        recorded = (run / "sweep.json").read_text()
        assert found["AWS_SECRET_ACCESS_KEY"] not in recorded
        assert len(json.loads(recorded)["runs"]) == 2
        assert "study.db" in store.names()
        assert not [name for name in store.names() if name.startswith(("probe", "tune"))]
        per_trial = [name for name in store.names() if name.startswith("trials/0001/checkpoints/")]
        assert len(per_trial) == 2, "older checkpoints are removed"


@pytest.mark.slow
def test_an_unavailable_store_ends_the_run_which_resumes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    url = f"s3://{BUCKET}/sweeps/wean"
    small_copies(home)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "reader"))
    with (
        an_s3_that_stops() as (found, say),
        TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary,
    ):
        environment = os.environ | found | {"TMPDIR": temporary}
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        store = Store.of(url)
        run = ("run", "wean_to_ppo", "--run-dir", url)
        with driver(environment, home, *run, program="segue") as first:
            wait_for(lambda: first.poll() is not None or STAGE_DONE in (store.read(RESULTS) or b""))
            assert say("stop") == "stopped"
            lost_at = time.monotonic()
            said, _ = first.communicate(timeout=SECONDS)
            assert time.monotonic() - lost_at < LOST_SECONDS, said
        last_line = said.splitlines()[-1]
        assert first.returncode == 1 and last_line.endswith(
            "Finished work is stored: run the same command to resume."
        ), said
        assert (
            last_line.startswith(f"The store {url}")
            and "cannot be" in last_line
            and "Traceback" not in said
        ), said
        say("start")
        before = rows_of(fetch_run(url).path)
        assert before, said
        with driver(environment, home, *run, program="segue") as second:
            said, _ = second.communicate(timeout=SECONDS)
            assert second.returncode == 0 and "Report: " in said and "not written" not in said, said
        after = rows_of(fetch_run(url).path)
        assert all(after[name][: len(rows)] == rows for name, rows in before.items())
        trials = read_summary(fetch_run(url).path).trials
        assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED"} and len(trials) == 4
        assert all(
            [step for step, _ in rows] == sorted({step for step, _ in rows})
            for rows in after.values()
        )


@pytest.mark.slow
def test_an_unavailable_database_ends_the_run_which_resumes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    run = tmp_path / "run"
    small_copies(home)
    with a_postgres_that_stops() as (url, say):
        command = ("run", "wean_to_ppo", "--run-dir", str(run))
        given = ("--storage", url)
        with driver(dict(os.environ), home, *command, *given, program="segue") as first:
            wait_for(lambda: first.poll() is not None or STAGE_DONE in _read(run / RESULTS))
            say("stop")
            lost_at = time.monotonic()
            said, _ = first.communicate(timeout=SECONDS)
            assert time.monotonic() - lost_at < LOST_SECONDS, said
        last_line = said.splitlines()[-1]
        assert first.returncode == 1 and last_line.endswith(
            "Finished work is stored: run the same command to resume."
        ), said
        assert (
            last_line.startswith("The study's database is unavailable (") and PASSWORD not in said
        ), said
        assert "Traceback" not in said, said
        say("start")
        before = rows_of(run)
        # A new process must receive the password; where the study is, the run has recorded.
        environment = os.environ | {"SEGUE_STORAGE": url}
        with driver(environment, home, *command, program="segue") as second:
            said, _ = second.communicate(timeout=SECONDS)
            assert second.returncode == 0 and "Report: " in said, said
        after = rows_of(run)
        assert all(after[name][: len(rows)] == rows for name, rows in before.items())
        recorded = (run / "sweep.json").read_text()
        assert PASSWORD not in recorded and not (run / "study.db").exists()
        assert len(json.loads(recorded)["runs"]) == 2
        monkeypatch.setenv("SEGUE_STORAGE", url)
        assert {trial.state.name for trial in read_summary(run).trials} <= {"COMPLETE", "PRUNED"}
        assert all(
            [step for step, _ in rows] == sorted({step for step, _ in rows})
            for rows in after.values()
        )


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def rows_of(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What each trial has reported: steps, and the metric."""
    return {
        path.parent.name: [(row["env_steps"], row["success"]) for row in read_rows(path)]
        for path in run.glob("trials/*/results.jsonl")
    }


@pytest.mark.slow
def test_what_cannot_be_stored_is_refused_in_one_sentence_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    weaning = str(ROOT / "sweeps" / "wean_to_ppo.py")

    def refusal(*arguments: str) -> str:
        with pytest.raises(SystemExit) as left:
            main([weaning, *arguments])
        said = capsys.readouterr().err
        assert left.value.code == 2 and said.count("\n") == 1, said
        assert not any(
            secret in said for secret in (PASSWORD, "some-secret", "no-secret", "wrong-word")
        ), said
        return said

    # Four requests, which make a user who may only read, go unchecked.
    with an_s3(INITIAL_NO_AUTH_ACTION_COUNT="4") as found:
        reader = a_reader(found)
        for name, value in (found | reader).items():
            monkeypatch.setenv(name, value)
        assert "cannot be written (ACCESS_DENIED" in refusal(
            "--run-dir", f"s3://{BUCKET}/read_only"
        )
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "no-secret")
        objects.forget_connections()
        assert "check its name, and the credentials" in refusal(
            "--run-dir", f"s3://{BUCKET}/wrong_credentials"
        )
    with an_s3() as found:
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        assert "The bucket 'missing'" in refusal("--run-dir", "s3://missing/run")
    assert "check AWS_ENDPOINT_URL and the network" in refusal("--run-dir", f"s3://{BUCKET}/gone")
    with a_postgres() as url:
        wrong = url.replace(PASSWORD, "wrong-word")
        assert "password authentication failed" in refusal("--run-dir", "run", "--storage", wrong)
        assert 'database "none" does not exist' in refusal(
            "--run-dir", "run", "--storage", f"{url[:-8]}none"
        )
    assert "cannot be used (connection failed" in refusal("--run-dir", "run", "--storage", url)
    assert "is not the URL of a database" in refusal(
        "--run-dir", "run", "--storage", "me:wrong-word@host/db"
    )
    assert not (tmp_path / "run").exists()
