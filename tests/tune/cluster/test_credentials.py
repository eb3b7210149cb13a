"""Credentials reach the workers of a cluster, and not the files of its Ray."""

import json
import os
import secrets
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from ray.tune.execution import class_cache

from segue.tune.cluster.credentials import CREDENTIALS, not_in_runtime_env
from tests.forks import forked_python
from tests.tune.support.clusters import SECONDS, a_cluster, guarded
from tests.tune.support.drivers import ROOT

DRIVER = """
import json, os, sys
from hashlib import sha256

import ray
from ray import tune
from ray.experimental.internal_kv import _internal_kv_list

from segue.tune.cluster.credentials import CREDENTIALS, fetch_credentials
from segue.tune.cluster.session import ray_session

address, storage, is_killed = sys.argv[1:]


def digests():
    return [sha256(os.environ.get(name, "").encode()).hexdigest() for name in CREDENTIALS]


def trial(config):
    before = digests()
    fetch_credentials()
    tune.report({"before": before, "after": digests(), "loss": 0.0})


with ray_session(address):
    keys = len(_internal_kv_list(b"", namespace=b"segue"))
    ended = tune.Tuner(trial, run_config=tune.RunConfig(storage_path=storage)).fit()[0].metrics
    folder = ray._private.worker._global_node.get_session_dir_path()
    said = {"keys": keys, "folder": folder, "before": ended["before"], "after": ended["after"]}
    print(json.dumps(said), flush=True)
    if is_killed == "killed":
        os._exit(0)
"""


def test_tune_passes_no_credentials_in_a_runtime_environment() -> None:
    before = class_cache.ENV_VARS_TO_PROPAGATE
    assert set(CREDENTIALS) == {name for name in before if name.startswith("AWS")}
    with not_in_runtime_env():
        assert before - set(CREDENTIALS) == class_cache.ENV_VARS_TO_PROPAGATE
    assert before is class_cache.ENV_VARS_TO_PROPAGATE


@pytest.mark.slow
def test_credentials_reach_workers_of_a_cluster_and_none_of_its_files(tmp_path: Path) -> None:
    planted = {name: secrets.token_hex(32) for name in CREDENTIALS}
    environment = guarded(tmp_path)
    with a_cluster(environment) as address:
        for how in ("killed", "ended"):
            said = run_driver(environment | planted, address, tmp_path / how, how)
            wanted = [sha256(planted[name].encode()).hexdigest() for name in CREDENTIALS]
            assert said["after"] == wanted
            assert not set(said["before"]) & set(wanted)
            assert said["keys"] == 1, "that of a job whose driver was killed is removed"
        files = [path for path in Path(said["folder"]).rglob("*") if path.is_file()]
        files += [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(path.name == "runtime_env_agent.log" for path in files)
        for name, secret in planted.items():
            holding = [path for path in files if secret.encode() in path.read_bytes()]
            assert not holding, f"{name} is in {holding}"


def run_driver(
    environment: dict[str, str], address: str, storage: Path, how: str
) -> dict[str, Any]:
    ran = subprocess.run(
        [*forked_python(), "-c", DRIVER, address, str(storage), how],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": f"{ROOT}/src{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found
