"""The code of a sweep file in the workers: identity of its objects, environments, odd names."""

import json
import subprocess
from pathlib import Path

import pytest

from segue.base.files import read_rows
from segue.record.layout import RunLayout
from tests.cli.test_cli import SEGUE

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
ODD_NAMES = ("types.py", "code.py", "minigrid.py", "segue.py", "ray.py")


def run_segue(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command in a process of its own, as the shell starts it."""
    return subprocess.run(
        [SEGUE, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
@pytest.mark.ray
def test_the_workers_have_the_objects_and_environments_of_the_sweep_file(tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    for folder in (tmp_path, tmp_path / "sweeps"):
        for name in ODD_NAMES:
            (folder / name).write_text(f"raise RuntimeError('{name} was imported')\n")
    (tmp_path / "sweeps" / "mine.py").write_text(PIPELINE + CORRIDOR + FUNCTION_KEYS)
    ran = run_segue(tmp_path, "run", "mine")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    run = RunLayout(tmp_path / "runs" / "mine")
    last = [read_rows(run.trial(number).results)[-1]["env_steps"] for number in (0, 1)]
    assert last == [256, 512]
    assert json.loads(run.best_json.read_text())["world"] == "Corridor-v0"
