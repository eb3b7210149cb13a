"""A sweep as a job on a cluster that asks for a token: refused without it, run with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_cli import REAL
from tests.tune.clusters import SECONDS, a_cluster, guarded


@pytest.mark.slow
def test_it_is_refused_without_the_token_and_runs_with_it(tmp_path: Path) -> None:
    environment = guarded(tmp_path)
    with a_cluster(environment, "dashboard") as dashboard:
        submit_and_look(tmp_path, dashboard, environment)


def submit_and_look(tmp_path: Path, dashboard: str, environment: dict[str, str]) -> None:
    (tmp_path / "lambdas.py").write_text("LAMBDAS = [0.8, 0.95]\n")
    (tmp_path / "mine.py").write_text(
        "from lambdas import LAMBDAS\n" + REAL.replace("tune.grid_search([0.8, 0.95])", "tune.grid_search(LAMBDAS)")
    )
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "large").write_bytes(os.urandom(1024))

    def segue(*arguments: str, **changed: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "segue.cli", *arguments, "--address", dashboard]
        env = {name: value for name, value in (environment | changed).items() if value}
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    for changed, sent in (
        ({"RAY_AUTH_TOKEN": "0" * 64}, "the one in RAY_AUTH_TOKEN is sent"),
        ({"RAY_AUTH_TOKEN": "", "RAY_AUTH_MODE": ""}, "none is sent"),
    ):
        refused = segue("submit", "mine.py", **changed)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"Ray at {dashboard} refuses the token ({sent}")
        assert refused.stderr.count("\n") == 1
    assert segue("jobs").stdout == ""

    run = tmp_path / "elsewhere" / "mine"
    done = segue("submit", "mine.py", "--run-dir", str(run), "--trials", "2", "--concurrency", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 trials to run" in done.stdout
    assert len(list(run.glob("trials/*/results.jsonl"))) == 2
    ((name, status),) = [line.split() for line in segue("jobs").stdout.splitlines()]
    assert (name[:5], status) == ("mine-", "SUCCEEDED")
    assert segue("jobs", "nobody").stderr == f"There is no job 'nobody' at {dashboard}: `segue jobs` lists them.\n"
