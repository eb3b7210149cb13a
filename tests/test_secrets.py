"""No secret of the environment ends up in what a run leaves behind or says."""

import os
import secrets
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from segue.tune.cluster.credentials import CREDENTIALS
from tests.forks import Forked, forked_python
from tests.sweep_files import REAL
from tests.tune.support.drivers import wait_for

NAMES = (*CREDENTIALS, "RAY_AUTH_TOKEN", "MY_PASSWORD")
COMMAND = ["-m", "segue", "run", "mine.py", "--trials", "2"]
SECONDS = 600


@pytest.mark.slow
@pytest.mark.ray
def test_a_run_records_and_prints_nothing_of_the_environment(tmp_path: Path) -> None:
    planted = {name: secrets.token_hex(32) for name in NAMES}
    (tmp_path / "mine.py").write_text(REAL)
    ran = subprocess.run(
        [*forked_python(), *COMMAND],
        cwd=tmp_path,
        env=os.environ | planted | {"RAY_AUTH_MODE": "token"},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    files = files_in(tmp_path)
    assert {"sweep.json", "study.db", "results.jsonl"} <= {path.name for path in files}
    check_absent(planted, files)
    assert not [name for name in planted if planted[name].encode() in ran.stdout + ran.stderr]


@pytest.mark.slow
@pytest.mark.ray
def test_a_killed_driver_leaves_no_secrets_and_the_next_one_removes_what_it_left(
    tmp_path: Path,
) -> None:
    planted = {name: secrets.token_hex(32) for name in NAMES}
    (tmp_path / "mine.py").write_text(REAL)
    with TemporaryDirectory(prefix="k", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        environment = os.environ | planted | {"RAY_AUTH_MODE": "token", "TMPDIR": temporary}
        with Forked(*COMMAND, cwd=tmp_path, env=environment) as driver:
            results = tmp_path / "runs" / "mine" / "trials"
            wait_for(lambda: driver.poll() is not None or any(results.glob("*/results.jsonl")))
            driver.kill()
        (left,) = Path(temporary).glob("segue-*")
        files = files_in(left)
        assert "runtime_env_agent.log" in {path.name for path in files}
        check_absent(planted, [*files, *files_in(tmp_path)])
        ran = subprocess.run(
            [*forked_python(), *COMMAND],
            cwd=tmp_path,
            env=environment,
            timeout=SECONDS,
            check=False,
        )
        assert ran.returncode == 0
        assert not list(Path(temporary).glob("segue-*"))


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def check_absent(planted: Mapping[str, str], files: Iterable[Path]) -> None:
    contents = {path: path.read_bytes() for path in files}
    for name, secret in planted.items():
        holding = [path for path, content in contents.items() if secret.encode() in content]
        assert not holding, f"{name} is in {holding}"
