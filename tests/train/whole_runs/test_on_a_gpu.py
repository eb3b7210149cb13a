"""On a GPU: it learns what a CPU learns, and a saved trial continues."""

from pathlib import Path
from typing import Any

import pytest
import torch

from segue.plan.seeding import set_deterministic_cudnn
from segue.plan.sweeps.evaluation import Evaluation
from segue.train import Mlp, Network, Trainer, TrialSpec, run_trial
from segue.train.checkpoint import load_checkpoint, save_checkpoint
from tests.train.support.pipelines import ROLLOUT, advanced, pipeline, stage, trainer
from tests.train.support.staged import NAMES, plans

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")

SEEDS = (3, 4, 5)
EVALUATION = Evaluation(every=2 * ROLLOUT, episodes=2, max_episode_steps=20)
POLICIES = {"mlp": Mlp((8,)), "network": Network(None, hidden=8, auxiliary=True)} | {
    memory: Network(memory, hidden=8, auxiliary=True) for memory in ("gru", "lstm")
}


def made(
    pipelines: Any, world: str = "CartPole-v1", policy: Any = POLICIES["mlp"], device: str = "cuda"
) -> Trainer:
    return trainer(pipelines, world, SEEDS, EVALUATION, policy=policy, device=device)


def assert_learns_the_same(pipelines: Any, world: str, policy: Any) -> None:
    here, there = (
        advanced(made(pipelines, world, policy, device), 1) for device in ("cpu", "cuda")
    )
    assert there.parameters.is_cuda
    torch.testing.assert_close(there.parameters.cpu(), here.parameters, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "world", ["CartPole-v1", "Pendulum-v1", "PoisonedDoors-v0", "MiniGrid-LavaCrossingS9N1-v0"]
)
@pytest.mark.parametrize("policy", POLICIES)
def test_one_rollout_teaches_what_it_teaches_on_a_cpu(world: str, policy: str) -> None:
    if (world, policy) == ("PoisonedDoors-v0", "mlp"):
        policy = "network"  # perceptrons read vectors
    assert_learns_the_same(pipeline(stage(["ppo", "a2c"])), world, POLICIES[policy])


@pytest.mark.parametrize("policy", ["network", "lstm"])
@pytest.mark.parametrize("name", NAMES)
def test_so_do_all_kinds_of_stages(name: str, policy: str) -> None:
    assert_learns_the_same([plans(i)[name] for i in range(3)], "CartPole-v1", POLICIES[policy])


@pytest.mark.parametrize("policy", ["mlp", "lstm"])
def test_a_saved_trainer_continues(tmp_path: Path, policy: str) -> None:
    set_deterministic_cudnn()
    stages = pipeline(stage(), stage("a2c"))
    ahead, resumed = (made(stages, policy=POLICIES[policy]) for _ in range(2))
    advanced(ahead, 2)
    save_checkpoint(tmp_path, ahead.env_steps, ahead.state_dict())
    resumed.load_state_dict(load_checkpoint(tmp_path, "cuda"))
    assert torch.equal(advanced(resumed).parameters, advanced(ahead).parameters)


def test_a_trial_trains_to_its_end(tmp_path: Path) -> None:
    spec = TrialSpec(pipeline(), "CartPole-v1", [0, 1], EVALUATION, device="cuda")
    row = run_trial(spec, tmp_path)
    assert row["final"]
