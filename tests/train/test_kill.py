"""`kill -9` in the middle of a trial, and a second attempt."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.pipelines import ROLLOUT, stage
from tests.train.same import assert_same_state
from tests.train.trials import final_state, plan, rows, run

ROOT = Path(__file__).parents[2]
SCRIPT = "import sys; from tests.train.test_kill import train; train(sys.argv[1], print)"


def train(directory, report=lambda row: None):
    """Long enough that a kill comes before the end: some 40 reports, a checkpoint a rollout."""
    run(Path(directory), plan(stage(steps=30 * ROLLOUT), stage("a2c", steps=40 * ROLLOUT)), report)


def attempt(directory):
    """A process that trains in the directory, and prints a line a report."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", SCRIPT, str(directory)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def killed_after(directory, reports):
    with attempt(directory) as process:
        for _ in range(reports):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL


def assert_same_trial(one, other):
    assert rows(one) == rows(other)
    assert_same_state(final_state(one), final_state(other))


@pytest.mark.parametrize("reports", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_and_continued_it_leaves_what_a_whole_run_leaves(tmp_path, reports):
    killed_after(tmp_path / "trial", reports)
    train(tmp_path / "trial")
    train(tmp_path / "whole")
    assert_same_trial(tmp_path / "trial", tmp_path / "whole")


@pytest.mark.slow
def test_killed_again_and_again_and_continued_by_other_processes(tmp_path):
    for reports in (1, 9, 17):
        killed_after(tmp_path / "trial", reports)
    with attempt(tmp_path / "trial") as process:
        process.stdout.read()
    assert process.returncode == 0
    train(tmp_path / "whole")
    assert_same_trial(tmp_path / "trial", tmp_path / "whole")
