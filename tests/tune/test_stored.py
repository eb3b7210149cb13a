"""Sweeps that are kept in real stores: moto's S3, and a PostgreSQL server."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
import pytest

from segue.plan.files import read_rows
from segue.report.summary import read_summary
from segue.store.fetched import fetched
from segue.store.objects import Store
from tests.store.servers import BUCKET, PASSWORD, a_postgres, an_s3
from tests.tune.clusters import SECONDS, guarded
from tests.tune.drivers import ROOT, wait_for
from tests.tune.three_nodes import SHORT

CLUSTER = """
import os, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
for index in range(2):
    cluster.add_node(num_cpus=1, env_vars={"XDG_CACHE_HOME": f"{sys.argv[1]}/node-{index}"})
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""
RESULTS = "trials/0001/results.jsonl"
STAGE_DONE = b'"stage_done": true'


@contextmanager
def three_nodes(environment: dict[str, str], caches: Path) -> Iterator[str]:
    """The address of a cluster whose machines have no folder in common."""
    with (
        TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary,
        subprocess.Popen(
            [sys.executable, "-c", CLUSTER, str(caches)],
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
def driver(environment: dict[str, str], home: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A driver with a cache and a working directory of its own."""
    home.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tune.stored_sweep", *arguments],
        env=environment | {"XDG_CACHE_HOME": str(home / "cache"), "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def check_complete(trials: list[optuna.trial.FrozenTrial], run: Path) -> None:
    """Every trial ran to its end, each report was made and judged once, and no stage was lost."""
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
@pytest.mark.parametrize("in_database", [True, False], ids=["postgres", "sqlite"])
def test_a_killed_driver_costs_no_stage_when_nothing_local_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_database: bool
) -> None:
    with an_s3() as found, a_postgres() if in_database else nothing() as storage:
        environment = guarded(tmp_path) | found | {"SEGUE_STORAGE": storage}
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "reader"))
        monkeypatch.setenv("SEGUE_STORAGE", storage)
        caches, url = tmp_path / "caches", f"s3://{BUCKET}/sweeps/wean"
        store = Store.of(url)
        with three_nodes(environment, caches) as address:
            with driver(environment, tmp_path / "first", url, storage, address) as first:
                wait_for(lambda: first.poll() is not None or STAGE_DONE in (store.read(RESULTS) or b""))
                first.kill()
                said, _ = first.communicate()
                assert first.returncode == -9, said
            shutil.rmtree(tmp_path / "first")
            shutil.rmtree(caches, ignore_errors=True)  # a worker may be at its last words
            with driver(environment, tmp_path / "second", url, "", address) as second:
                said, _ = second.communicate(timeout=SECONDS)
                assert second.returncode == 0 and said.splitlines()[-1] == "done", said
        run = fetched(url).path
        check_complete(list(read_summary(run).trials), run)
        nodes = [(run / "trials" / f"{number:04d}" / "nodes").read_text().split() for number in range(4)]
        assert max(map(len, nodes)) == 2, "a trial was continued"
        recorded = (run / "sweep.json").read_text()
        assert PASSWORD not in recorded and found["AWS_SECRET_ACCESS_KEY"] not in recorded
        assert len(json.loads(recorded)["runs"]) == 2
        assert ("study.db" in store.names()) is not in_database
        assert not [name for name in store.names() if name.startswith(("probe", "tune"))]
        per_trial = [name for name in store.names() if name.startswith("trials/0001/checkpoints/")]
        assert len(per_trial) == 2, "older checkpoints are removed"


@contextmanager
def nothing() -> Iterator[str]:
    yield ""
