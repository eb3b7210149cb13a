"""The code of a sweep file in the workers: identity of its objects, environments, odd names."""

import json
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

from segue.base.files import read_rows
from segue.record.checkpoints import steps_of
from segue.record.layout import RunLayout
from segue.record.winner import best_checkpoint
from tests.cli.whole_sweeps.test_trained_sweep import SEGUE
from tests.looking import output_of

PIPELINE = """
import gymnasium
import numpy as np
from gymnasium import spaces
from ray import tune
from torch import optim

from segue import PPO, Builder, Evaluation, PipelineStage, Sweep, TrainingPipeline


def tiny(steps=256):
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=steps)],
        optimizer_builder=Builder(optim.Adam, {"lr": 1e-3}),
        num_mini_batch=2,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=32,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=None,
        metric_accumulate_interval=128,
    )


EVALUATION = Evaluation(every=256, episodes=1, max_episode_steps=50)
"""
CORRIDOR = """

class Corridor(gymnasium.Env):
    observation_space = spaces.Box(0, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.zeros(2, np.float32), float(action), self.t >= 10, False, {}


gymnasium.register("Corridor-v0", entry_point=Corridor)
"""
FUNCTION_KEYS = """

def short(step):
    return 1.0


def long(step):
    return 0.5


LENGTH = {short: 256, long: 512}


def pipeline(schedule, other):
    assert schedule is short or schedule is long
    assert isinstance(other, Corridor) and other in OTHERS
    return tiny(LENGTH[schedule])


OTHERS = [Corridor()]
sweep = Sweep(
    pipeline=pipeline,
    space={"schedule": tune.grid_search([short, long]), "other": OTHERS[0]},
    world="Corridor-v0",
    evaluation=EVALUATION,
    lanes=2,
)
"""
# In the current folder also names that the sweep file imports, which are refused beside it.
BESIDE = ("types.py", "code.py", "minigrid.py")
HERE = (*BESIDE, "segue.py", "ray.py", "gymnasium.py")


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "subprocess.CompletedProcess[str]":
    """A sweep that was run by path, in a folder and a current one full of odd names."""
    (tmp_path / "home").mkdir()
    for name in HERE:
        (tmp_path / name).write_text(f"raise RuntimeError('{name} was imported')\n")
    for name in BESIDE:
        (tmp_path / "home" / name).write_text((tmp_path / name).read_text())
    (tmp_path / "home" / "mine.py").write_text(PIPELINE + CORRIDOR + FUNCTION_KEYS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return subprocess.run(
        [SEGUE, "run", "home/mine.py"], capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_a_sweep_that_was_run_by_path_has_its_own_objects_in_workers_and_in_later_commands(
    ran: "subprocess.CompletedProcess[str]", capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran.returncode == 0, ran.stdout + ran.stderr
    run = RunLayout(Path("runs/mine"))
    last = [read_rows(run.trial(number).results)[-1]["env_steps"] for number in (0, 1)]
    assert last == [256, 512]
    assert json.loads(run.best_json.read_text())["world"] == "Corridor-v0"
    for sweep in ((), ("--sweep", "runs/mine/sweep.py")):
        gymnasium.registry.pop("Corridor-v0", None)
        assert "Equal: all" in output_of(capsys, "rerun", "runs/mine", "--trial", "1", *sweep)
        gymnasium.registry.pop("Corridor-v0", None)
        assert "Trial 1 after 512" in output_of(
            capsys, "play", "runs/mine", "--episodes", "2", "--trial", "1", *sweep
        )
    best = json.loads(run.best_json.read_text())
    assert best_checkpoint("runs/mine") == Path("runs/mine", best["best_checkpoint"])
    assert best_checkpoint("runs/mine").parent == run.trial(best["trial"]).best
    with pytest.raises(ValueError, match="Trial 7 of runs/mine has no best checkpoint"):
        best_checkpoint("runs/mine", trial=7)
    gymnasium.registry.pop("Corridor-v0", None)
    played = output_of(capsys, "play", "runs/mine", "--episodes", "2", "--best")
    assert f"after {steps_of(Path(best['best_checkpoint'])):,} steps" in played
    gymnasium.registry.pop("Corridor-v0", None)
    retrained = output_of(capsys, "retrain", "runs/mine", "--top", "1", "--seeds", "2")
    assert "Retraining on 2 held-out seeds" in retrained
