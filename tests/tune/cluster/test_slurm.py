"""cluster/slurm.sh with stand-ins for Slurm, Ray and Segue.

`tests.tune.support.programs.slurm` runs it with real Ray.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "cluster" / "slurm.sh"
STUBS = {
    "scontrol": 'if [[ $1 == show ]]; then echo node1; else echo "$@" >> "$OUT/requeued"; fi',
    "getent": "echo '10.0.0.7 STREAM node1'",
    # As Slurm does, to the tasks: only the driver listens.
    "srun": 'echo "$@" > "$OUT/srun"; while [[ $1 == --* ]]; do shift; done; exec "$@"',
    "ray": """
        echo "$@" > "$OUT/ray"; stat -c %a "$RAY_AUTH_TOKEN_PATH" > "$OUT/token"
        while [[ $1 != -- ]]; do shift; done; shift; "$@"
    """,
    "segue": """
        echo "$@" > "$OUT/segue"
        [[ -z ${WAITS:-} ]] && exit "${CODE:-0}"
        for _ in {1..600}; do [[ -e $OUT/signal ]] && exit 138; sleep 0.05; done
    """,
}


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """The environment of a job on a node with six processors of which it has three."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name, text in STUBS.items():
        (binaries / name).write_text(f"#!/bin/bash\n{text}\n")
        (binaries / name).chmod(0o755)
    return {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "OUT": str(tmp_path),
        "SLURM_JOB_ID": "31",
        "SLURM_JOB_NODELIST": "node1",
        "SLURM_CPUS_PER_TASK": "3",
        "SLURM_GPUS_ON_NODE": "2",
    }


def test_ray_is_given_what_slurm_granted_and_a_token(job: dict[str, str], tmp_path: Path) -> None:
    ended = subprocess.run([SCRIPT, "my sweep", "--trials", "5"], env=job, check=False)
    assert ended.returncode == 0
    started = (tmp_path / "ray").read_text()
    assert "--address 10.0.0.7:20031 --min-nodes 1 --num-cpus=3 --num-gpus=2" in started
    assert "--dashboard-host=127.0.0.1" in started
    assert (tmp_path / "token").read_text() == "600\n"
    run = (tmp_path / "segue").read_text()
    assert run == "run my sweep --trials 5 --address 10.0.0.7:20031\n"
    assert not (tmp_path / ".ray" / "segue-31").exists()


def test_a_sweep_that_is_refused_is_not_requeued(job: dict[str, str], tmp_path: Path) -> None:
    ended = subprocess.run([SCRIPT, "x"], env=job | {"CODE": "2"}, check=False)
    assert ended.returncode == 2 and not (tmp_path / "requeued").exists()


def test_before_the_time_limit_the_job_is_requeued(job: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen([SCRIPT, "x"], env=job | {"WAITS": "yes"}) as process:
        while not (tmp_path / "segue").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGUSR1)  # which ends none of the processes
        time.sleep(0.2)
        assert process.poll() is None
        (tmp_path / "signal").touch()
        assert process.wait() == 138
    assert (tmp_path / "requeued").read_text() == "requeue 31\n"


@pytest.mark.parametrize(
    ("changes", "arguments", "sentence"),
    [
        ({"SLURM_JOB_ID": ""}, ["x"], "This is not a Slurm job"),
        ({}, [], "The name of the sweep is missing"),
        ({"PATH": "/usr/bin:/bin"}, ["x"], "There is no command ray"),
    ],
)
def test_a_script_that_cannot_run_says_why(
    job: dict[str, str], changes: dict[str, str], arguments: list[str], sentence: str
) -> None:
    command = [str(SCRIPT), *arguments]
    ended = subprocess.run(command, env=job | changes, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and ended.stderr.startswith(sentence)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed here")
def test_shellcheck_finds_nothing() -> None:
    checked = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
