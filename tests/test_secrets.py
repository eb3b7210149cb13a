"""No secret of the environment ends up in what a run leaves behind or says."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import REAL

NAMES = ("AWS_SECRET_ACCESS_KEY", "RAY_AUTH_TOKEN", "MY_PASSWORD")
SECONDS = 120


@pytest.mark.slow
@pytest.mark.ray
def test_a_run_records_and_prints_nothing_of_the_environment(tmp_path: Path) -> None:
    planted = {name: secrets.token_hex(32) for name in NAMES}
    (tmp_path / "mine.py").write_text(REAL)
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from segue.cli import segue; segue(['run', 'mine.py', '--trials', '2'])",
        ],
        cwd=tmp_path,
        env=os.environ | planted | {"RAY_AUTH_MODE": "token"},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"sweep.json", "study.db", "results.jsonl"} <= {path.name for path in files}
    for name, secret in planted.items():
        holding = [path for path in files if secret.encode() in path.read_bytes()]
        assert not holding, f"{name} is in {holding}"
        assert secret.encode() not in ran.stdout + ran.stderr
