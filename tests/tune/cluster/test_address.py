"""A sweep on a Ray that another process started and guards with a token."""

import json
import os
import secrets
import subprocess
from pathlib import Path

import optuna
import pytest

from tests.forks import forked_python

ROOT = Path(__file__).parents[3]
SECONDS = 600
CLUSTER = """
import ray, sys
from segue.tune.cluster.session import ray_session
with ray_session():
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_sweep_runs_on_a_cluster_that_is_there(tmp_path: Path) -> None:
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    cluster = subprocess.Popen(
        [*forked_python(), "-c", CLUSTER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        options = json.dumps({"address": address, "trials": 2})
        command = [
            *forked_python(),
            "-m",
            "tests.tune.support.programs.driver",
            str(tmp_path),
            options,
        ]
        subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            check=True,
            timeout=SECONDS,
            stdout=subprocess.DEVNULL,
        )
        cluster.communicate(timeout=SECONDS)
    assert cluster.returncode == 0, "the cluster outlives the sweep"
    trials = optuna.load_study(
        study_name="double", storage=f"sqlite:///{tmp_path / 'study.db'}"
    ).trials
    assert [trial.state.name for trial in trials[:3]] == ["COMPLETE", "COMPLETE", "WAITING"]
