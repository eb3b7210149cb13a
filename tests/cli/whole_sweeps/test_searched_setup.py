"""A sweep over network, lanes, evaluation and an argument of the world: killed, resumed, used."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.looking import complete, driver, output_of, trials
from tests.tune.support.drivers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.usefixtures("cluster")]
NAME = "agents"
RUN = "runs/agents"
SWEEP = '''
"""Which network, on how many lanes, in which cart pole?"""
from ray import tune
from torch import optim

from segue import (
    PPO,
    Builder,
    Evaluation,
    Mlp,
    PipelineStage,
    Sweep,
    TrainingPipeline,
    World,
)
from segue.worlds import CartPole


class Mirrored(CartPole):
    """CartPole in which left may be right."""

    def __init__(self, members, lanes, mirrored):
        super().__init__(members, lanes)
        self.mirrored = mirrored

    def step(self, actions):
        return super().step(1 - actions if self.mirrored else actions)

    def select(self, lanes):
        selected = Mirrored(1, len(lanes), self.mirrored)
        selected._adopt(self._streams.select(lanes), self._state[:, lanes], self._steps[lanes])
        return selected


def pipeline(lr, lanes):
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[
            PipelineStage(["ppo"], max_stage_steps=2_048),
            PipelineStage(["ppo"], max_stage_steps=2_048, gamma=0.95),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": lr}),
        num_mini_batch=2,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=128 // lanes,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=256,
        metric_accumulate_interval=256,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={
        "lr": tune.loguniform(1e-4, 1e-2),
        "width": tune.choice([8, 16]),
        "depth": tune.randint(1, 3),
        "activation": tune.choice(["tanh", "relu"]),
        "lanes": tune.choice([2, 4]),
        "episodes": tune.choice([2, 3]),
        "mirrored": tune.choice([False, True]),
        "normalized": tune.choice([False, True]),
    },
    world=lambda mirrored, normalized: World(
        Mirrored,
        kwargs={"mirrored": mirrored},
        frame_stack=2,
        normalize_observation=normalized,
        normalize_reward=True,
    ),
    evaluation=lambda episodes: Evaluation(every=512, episodes=episodes),
    lanes=lambda lanes: lanes,
    policy=lambda width, depth, activation: Mlp((width,) * depth, activation),
    seeds=2,
    trials=4,
)
'''


def test_agents_of_different_shapes_are_searched_resumed_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / f"{NAME}.py").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    described = output_of(capsys, "run", NAME, "--describe")
    assert "policy        a function of width, depth, activation" in described
    assert "hidden=(8,)" in described

    with driver(NAME) as process:
        wait_for(lambda: bool(complete(RUN)) or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
    before = {trial.number: trial.per_seed for trial in complete(RUN)}
    output_of(capsys, "run", NAME)
    known = {trial.number: trial for trial in trials(RUN)}
    assert len(known) == 4
    assert {trial.state for trial in known.values()} == {"complete"}
    assert before.items() <= {n: trial.per_seed for n, trial in known.items()}.items()

    for number, trial in known.items():
        if number not in before:  # it was resumed, or begun later
            assert "Equal: all" in output_of(capsys, "rerun", RUN, "--trial", str(number))
        shown = output_of(capsys, "show", RUN, "--trial", str(number))
        hidden = (trial.parameters["width"],) * trial.parameters["depth"]
        assert f"hidden={hidden}" in " ".join(shown.split())
        assert re.search(rf"^lanes +{trial.parameters['lanes']}$", shown, re.MULTILINE), shown
        played = output_of(capsys, "play", RUN, "--trial", str(number), "--episodes", "2")
        assert f"Trial {number} after" in played

    output_of(capsys, "retrain", RUN, "--top", "1", "--seeds", "2")
    best = json.loads(Path(RUN, "best.json").read_text())
    wanted = known[best["trial"]].parameters
    assert (best["lanes"], best["evaluation"]["episodes"]) == (wanted["lanes"], wanted["episodes"])
    finished = subprocess.run(
        [sys.executable, "best.py"], cwd=RUN, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    written = Path(RUN, "best.py").read_text()
    assert (
        f'{{"mirrored": {wanted["mirrored"]}}}' in written
        and "from sweep import Mirrored" in written
    )
    assert "normalize_reward=True" in written
