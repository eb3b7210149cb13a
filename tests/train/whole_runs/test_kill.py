"""`kill -9` in the middle of a trial, and a second attempt."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from segue.plan.sweeps.evaluation import Evaluation
from segue.train import Network, TrialSpec, run_trial
from tests.forks import Forked
from tests.train.support.pipelines import LANES, ROLLOUT, stage
from tests.train.support.same import assert_same_state
from tests.train.support.staged import plans
from tests.train.support.trials import final_state, plan, rows, run

ROOT = Path(__file__).parents[3]
SCRIPT = (
    "import sys; from tests.train.whole_runs.test_kill import train;"
    " train(sys.argv[1], int(sys.argv[2]), print)"
)
LONG = 70


def train(directory, rollouts=LONG, report=lambda row: None):
    """Long enough that a kill comes before the end: a report every other rollout, a checkpoint each
    rollout.
    """
    first, second = 3 * rollouts // 7 * ROLLOUT, 4 * rollouts // 7 * ROLLOUT
    run(Path(directory), plan(stage(steps=first), stage("a2c", steps=second)), report)


def attempt(directory, rollouts=LONG):
    """A process that trains in the directory, and prints a line a report."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    arguments = ("-c", SCRIPT, str(directory), str(rollouts))
    return Forked(*arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE)


def killed_after(directory, reports, rollouts=LONG):
    with attempt(directory, rollouts) as process:
        for _ in range(reports):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL


def assert_same_trial(one, other):
    assert rows(one) == rows(other)
    assert_same_state(final_state(one), final_state(other))


@pytest.mark.slow
def test_killed_and_continued_it_leaves_what_a_whole_run_leaves(tmp_path):
    killed_after(tmp_path / "trial", 1, rollouts=28)
    train(tmp_path / "trial", rollouts=28)
    train(tmp_path / "whole", rollouts=28)
    assert_same_trial(tmp_path / "trial", tmp_path / "whole")


def train_staged(directory, report=lambda row: None, name="weaned", memory=None):
    """Some 14 rollouts of stages of one kind, with a network."""
    policy = Network(memory, hidden=8, auxiliary=True)
    spec = TrialSpec(
        plans(0, save_interval=ROLLOUT)[name],
        "CartPole-v1",
        [0, 1],
        Evaluation(every=ROLLOUT, episodes=2, max_episode_steps=20),
        lanes=LANES,
        policy=policy,
    )
    run_trial(spec, Path(directory), report=report)


STAGED = (
    "import sys; from tests.train.whole_runs.test_kill import train_staged;"
    " train_staged(sys.argv[1], print,"
    " *sys.argv[2:])"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "memory"), [("weaned", "lstm"), ("off-policy", "gru"), ("advisor", "lstm")]
)
@pytest.mark.parametrize("reports", [1, 3])
def test_killed_in_stages_that_teach_it_leaves_what_a_whole_run_leaves(
    tmp_path, name, memory, reports
):
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    command = ["-c", STAGED, str(tmp_path / "trial"), name, memory]
    with Forked(*command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        for _ in range(reports):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    train_staged(tmp_path / "trial", name=name, memory=memory)
    train_staged(tmp_path / "whole", name=name, memory=memory)
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
