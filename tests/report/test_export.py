"""`best.py` trains the winner, in a process that knows nothing but the run directory."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from segue.record.layout import CODE
from segue.report.data.facts import facts
from segue.report.data.summary import read_summary
from segue.report.export import Winner, export
from segue.tune.checks.sweep import check_sweep
from segue.tune.code.sweep_file import load_sweep

ENVIRONMENT = """
import gymnasium
import numpy as np
from gymnasium import spaces


class Corridor(gymnasium.Env):
    observation_space = spaces.Box(0, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.zeros(2, np.float32), 1.0, self.t >= 10, False, {}
"""
SWEEP = """
import gymnasium
from ray import tune
from torch import optim

from MODULE import Corridor
from segue import PPO, Builder, Evaluation, PipelineStage, Sweep, TrainingPipeline


def pipeline(n):
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=n)],
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
        metric_accumulate_interval=64,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={"n": tune.grid_search([64, 128])},
    world="WORLD",
    evaluation=Evaluation(every=64, episodes=2),
    lanes=2,
)
"""


@pytest.fixture(params=["beside", "in_the_file"])
def files(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, str]]:
    """The text of a sweep's file, and the name and the text of a module beside it.

    One of the two registers the environment.
    """
    module = f"corridor_{request.param}"
    env_id = f"Exported-{request.param}-v0"
    registration = f'gymnasium.register("{env_id}", entry_point=Corridor)\n'
    if request.param == "beside":
        sweep = SWEEP.replace("WORLD", f"{module}:{env_id}")
        yield sweep.replace("MODULE", module), module, ENVIRONMENT + registration
    else:
        sweep = SWEEP.replace("WORLD", env_id) + registration
        yield sweep.replace("MODULE", module), module, ENVIRONMENT
    del sys.modules[module]
    gymnasium.registry.pop(env_id, None)


@pytest.mark.slow
def test_best_py_finds_an_environment_beside_the_sweep(
    run: Path, tmp_path: Path, files: tuple[str, str, str]
) -> None:
    text, module, beside = files
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / f"{module}.py").write_text(beside)
    path = tmp_path / "sweeps" / "exported.py"
    path.write_text(text)
    sweep = load_sweep(path)
    check_sweep(sweep)
    summary = read_summary(run)
    summary.layout.source.write_text(text)
    (run / CODE).mkdir(exist_ok=True)
    (run / CODE / f"{module}.py").write_text(beside)
    assert export(summary, sweep, Winner(facts(summary)[0], sweep.at({"n": 64}))) is None
    finished = subprocess.run(
        [sys.executable, "best.py"], cwd=run, capture_output=True, text=True, check=False
    )
    assert (finished.stdout, finished.returncode) == ("return 10.0\n", 0), finished.stderr
