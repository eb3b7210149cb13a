"""A sweep as a job on a cluster that requires a token: refused without it; run, followed, stopped,
continued.
"""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.base.files import read_rows
from tests.forks import forked_python
from tests.sweep_files import REAL
from tests.tune.support.clusters import SECONDS, a_cluster, guarded

Segue = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.slow
def test_jobs_on_a_cluster_that_requires_a_token(tmp_path: Path) -> None:
    environment = guarded(tmp_path)
    with a_cluster(environment, "dashboard") as dashboard:

        def segue(*arguments: str, **changed: str) -> "subprocess.CompletedProcess[str]":
            command = [*forked_python(), "-m", "segue", *arguments, "--address", dashboard]
            env = {name: value for name, value in (environment | changed).items() if value}
            return subprocess.run(
                command,
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )

        refused_without_the_token(segue, tmp_path, dashboard)
        stopped_and_continued(segue, tmp_path)
        assert (
            segue("jobs", "nobody").stderr
            == f"There is no job 'nobody' at {dashboard}: `segue jobs` lists them.\n"
        )


def refused_without_the_token(segue: Segue, folder: Path, dashboard: str) -> None:
    (folder / "lambdas.py").write_text("LAMBDAS = [0.8, 0.95]\n")
    (folder / "mine.py").write_text(
        "from lambdas import LAMBDAS\n"
        + REAL.replace("tune.grid_search([0.8, 0.95])", "tune.grid_search(LAMBDAS)").replace(
            "max_stage_steps=1024", "max_stage_steps=10_240"
        )
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


def stopped_and_continued(segue: Segue, folder: Path) -> None:
    (folder / "runs").mkdir()
    (folder / "runs" / "large").write_bytes(os.urandom(1024))
    run = folder / "elsewhere" / "mine"
    submit = ("submit", "mine.py", "--run-dir", str(run), "--trials", "3", "--concurrency", "2")
    first = segue(*submit, "--detach").stdout.split()[2].rstrip(".")
    wait_until(lambda: len(rows(run)) > 4)
    assert segue("jobs", first, "--stop").returncode == 0
    wait_until(lambda: segue("jobs", first).stdout == f"{first}  STOPPED\n")
    before = rows(run)
    done = segue(*submit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 3 trials to run" in done.stdout
    after = rows(run)
    assert after[-1]["final"] and set(map(str, before)) <= set(map(str, after))
    assert len(after) == 3 * 2 * 10_240 // 512  # none was lost, none written twice
    listed = dict(line.split() for line in segue("jobs").stdout.splitlines())
    assert listed.pop(first) == "STOPPED"
    ((name, status),) = listed.items()
    assert (name[:5], status) == ("mine-", "SUCCEEDED")
    followed = segue("jobs", name, "--follow")
    assert followed.returncode == 0 and "of 3 trials to run" in followed.stdout


def rows(run: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(run.glob("trials/*/results.jsonl")) for row in read_rows(path)]


def wait_until(so: Callable[[], bool]) -> None:
    ends = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < ends
        time.sleep(0.5)
