"""Members out of a checkpoint: the same that were trained, without Ray, without the sweep."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from segue.plan.sweeps.evaluation import Evaluation
from segue.train import Evaluator, Mlp, Network, Trainer
from segue.train.checkpoint import newest_first
from segue.train.play import Players
from segue.worlds import PoisonedDoors, make_world
from tests.train.support.pipelines import LANES
from tests.train.support.trials import EVALUATION, final_state, plan, run

SEEDS = (3, 5, 8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trained")
    run(directory, seeds=SEEDS)
    return directory


@pytest.fixture(scope="module")
def checkpoint(trained):
    return newest_first(trained / "checkpoints")[0]


def test_members_come_out_in_their_order(trained, checkpoint):
    trainer = Trainer.new(plan(), "CartPole-v1", SEEDS, EVALUATION, lanes=LANES, policy=Mlp((8,)))
    trainer.load_state_dict(final_state(trained)["trainer"])
    players = Players.load(checkpoint, "CartPole-v1", Mlp((8,)))
    assert torch.equal(players.parameters, trainer.parameters) and len(players.parameters) == len(
        SEEDS
    )


def test_all_members_play_the_same_held_out_episodes(checkpoint):
    players = Players.load(checkpoint, "CartPole-v1", Mlp((8,)))
    scores = players.evaluate(4, seed=7)
    assert {name: values.shape for name, values in scores.items()} == {
        "return": (3,),
        "length": (3,),
    }
    twice = Players("CartPole-v1", players.policy, players.parameters[[1, 1]])
    assert np.unique(twice.evaluate(4, seed=7)["return"]).tolist() == [scores["return"][1]]
    assert scores["return"].tolist() != players.evaluate(4, seed=8)["return"].tolist()
    judged = Evaluator.new(players.policy, "CartPole-v1", [7] * 3, Evaluation(every=1, episodes=4))
    assert (
        scores["return"].tolist() != judged(players.parameters)["return"].tolist()
    )  # other episodes than those


def test_frames_are_of_the_requested_episodes(checkpoint):
    players = Players.load(checkpoint, "CartPole-v1", Mlp((8,)))
    frames = list(players.frames(0, 2, seed=7))
    assert {frame.shape for frame in frames} == {(300, 600, 3)} and {
        frame.dtype for frame in frames
    } == {np.dtype("u1")}
    assert len(frames) > len(list(players.frames(0, 1, seed=7))) > 5
    assert not np.array_equal(frames[0], frames[5])
    sampled = [list(players.frames(0, 1, seed=7, greedy=False)) for _ in range(2)]
    assert np.array_equal(*sampled) and not np.array_equal(sampled[0][:9], frames[:9])


def test_episodes_are_cut_where_that_is_requested(checkpoint):
    players = Players.load(checkpoint, "CartPole-v1", Mlp((8,)))
    scores = players.evaluate(4, seed=7, max_episode_steps=6)
    assert scores["length"].tolist() == [6.0] * 3
    frames = list(players.frames(0, 3, seed=7, max_episode_steps=6))
    assert len(frames) == 18
    assert not np.array_equal(frames[0], frames[6])  # another episode begins
    whole = list(players.frames(0, 1, seed=7))
    assert all(map(np.array_equal, frames[:6], whole))


def test_a_world_without_pictures_is_refused():
    spaces = make_world("PoisonedDoors-v0", 1, 1)
    policy = Network().build(spaces.single_observation_space, spaces.single_action_space)
    parameters = policy.initial(np.random.default_rng(0))[None]
    with pytest.raises(ValueError, match="PoisonedDoors cannot be drawn"):
        next(Players(PoisonedDoors, policy, parameters).frames(0, 1))


def test_a_checkpoint_of_another_policy_is_refused(checkpoint):
    with pytest.raises(ValueError, match="parameters, but this policy has"):
        Players.load(checkpoint, "CartPole-v1")


def test_a_damaged_checkpoint_is_refused(checkpoint, tmp_path):
    damaged = tmp_path / checkpoint.name
    damaged.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is damaged, or not a checkpoint"):
        Players.load(damaged, "CartPole-v1", Mlp((8,)))


@pytest.mark.slow
def test_a_checkpoint_loads_without_ray_and_optuna(checkpoint):
    program = (
        "import sys; sys.modules.update(ray=None, optuna=None)\nfrom pathlib import Path; from"
        " segue.train import Mlp; from segue.train.play import Players\nplayers ="
        f" Players.load(Path({str(checkpoint)!r}), 'CartPole-v1',"
        " Mlp((8,)))\nprint(players.evaluate(2)['return'].tolist())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == str(
        Players.load(checkpoint, "CartPole-v1", Mlp((8,))).evaluate(2)["return"].tolist()
    )
