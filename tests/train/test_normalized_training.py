"""Training with normalised observations and rewards: packing, resuming, evaluating, playing."""

import numpy as np
import pytest
import torch

from segue.plan.world import World
from segue.train import Evaluator, Mlp, Network
from segue.train.checkpoint import newest_first, read_checkpoint
from segue.train.packs.groups import scale_of
from segue.train.play import Players
from segue.worlds import make_world
from tests.train.support.example_members import SEEDS, seven
from tests.train.support.pipelines import LANES, RARELY, ROLLOUT, advanced, pipeline, stage, trainer
from tests.train.support.same import assert_same_state
from tests.train.support.staged import plans
from tests.train.support.trials import EVALUATION, interrupted_after, plan, run
from tests.train.test_packing import SOME, assert_each_is_itself
from tests.train.whole_runs.test_resume import assert_resumes_everywhere

BOTH = {"normalize_observation": True, "normalize_reward": True}
CARTPOLE = World("CartPole-v1", **BOTH, max_episode_steps=13, reward_scale=3.0, frame_stack=2)
PENDULUM = World("Pendulum-v1", **BOTH, max_episode_steps=11)
SLOW = pytest.mark.slow
WORLDS = pytest.mark.parametrize(
    "world", [CARTPOLE, pytest.param(PENDULUM, marks=SLOW)], ids=lambda world: world.id
)


@WORLDS
def test_each_member_of_a_pack_is_itself(world):
    assert_each_is_itself(
        seven(lanes=3, num_steps=13), world, lanes=3, policy=Mlp((8,)), compared=SOME
    )


@pytest.mark.parametrize(
    "name",
    [pytest.param("off-policy", marks=SLOW), pytest.param("restarts", marks=SLOW), "weaned"],
)
def test_each_member_of_a_pack_is_itself_in_other_stages(name):
    world = World("CartPole-v1", **BOTH)
    policy = Network("lstm", hidden=8)
    pipelines = [plans(i)[name] for i in range(len(SEEDS))]
    assert_each_is_itself(pipelines, world, policy=policy, compared=SOME)


@WORLDS
def test_a_resumed_trainer_continues_bit_for_bit(tmp_path, world):
    assert_resumes_everywhere(tmp_path, pipeline(stage(), stage("a2c"), save_interval=0), world)


def test_a_resumed_trial_ends_where_an_uninterrupted_one_does(tmp_path):
    whole = run(tmp_path / "whole", world=PENDULUM)
    interrupted_after(tmp_path / "parts", 2, world=PENDULUM)
    assert run(tmp_path / "parts", world=PENDULUM) == whole
    states = [
        read_checkpoint(newest_first(tmp_path / each / "checkpoints")[0])["trainer"]
        for each in ("whole", "parts")
    ]
    assert_same_state(*states)


def test_what_is_not_asked_for_changes_nothing():
    plain = advanced(trainer(pipeline()))
    as_value = advanced(trainer(pipeline(), World("CartPole-v1", clip_reward=1.0)))
    assert torch.equal(plain.parameters, as_value.parameters)
    normalized = advanced(trainer(pipeline(), World("CartPole-v1", **BOTH)))
    assert not torch.equal(plain.parameters, normalized.parameters)


def test_returns_are_reported_in_the_environment_s_own_unit():
    """Every step of CartPole gives 1, so that returns are lengths, whatever is learned from."""
    world = World("CartPole-v1", normalize_reward=True, reward_scale=0.01)
    made = trainer(
        pipeline(stage(steps=10 * ROLLOUT), metric_accumulate_interval=5 * ROLLOUT), world
    )
    logged = [made.advance().logged for _ in range(10)]
    (metrics, *_) = [one.metrics for interval in logged for one in interval]
    assert metrics["return"] == metrics["length"] > 1
    found = made.evaluate()
    assert found["return"] == found["length"]


def test_an_evaluation_uses_the_statistics_and_leaves_them():
    made = advanced(trainer(pipeline(), PENDULUM, SEEDS[:2]), 2)
    before = made.state_dict()
    first = made.evaluate()
    assert made.evaluate() == first
    assert_same_state(before["groups"], made.state_dict()["groups"])
    scale = scale_of(made.groups)
    evaluator = Evaluator.new(made.evaluator.policy, PENDULUM, SEEDS[:2], RARELY)
    assert evaluator(made.parameters, scale)["return"].tolist() == first["return"]
    assert evaluator(made.parameters)["return"].tolist() != first["return"]


def test_statistics_are_those_of_the_observations_of_training():
    made = trainer(pipeline(), World("CartPole-v1", normalize_observation=True))
    (group,) = made.groups
    moments = group.pack.normalizer.observation.moments
    assert moments.count == pytest.approx(LANES + 1e-4)
    made.advance()
    assert moments.count == pytest.approx(LANES + ROLLOUT + 1e-4)
    seen = group.pack.observation
    raw = group.pack.world._state.T.astype(np.float32)
    np.testing.assert_array_equal(seen[0], group.pack.normalizer.observation.scale(raw[None])[0])


def test_truncated_episodes_are_bootstrapped_from_normalised_observations():
    made = trainer(pipeline(), World("CartPole-v1", **BOTH, max_episode_steps=3))
    made.advance()
    (group,) = made.groups
    cut = group.pack.rollout.cut
    assert len(cut) >= 3 and all(np.abs(each.observation).max() > 0.5 for each in cut)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trained")
    run(directory, seeds=(3, 5), world=PENDULUM)
    return newest_first(directory / "checkpoints")[0]


def test_members_play_with_their_statistics(checkpoint):
    players = Players.load(checkpoint, PENDULUM, Mlp((8,)))
    made = trainer(plan(), PENDULUM, (3, 5), EVALUATION, policy=Mlp((8,)))
    made.load_state_dict(read_checkpoint(checkpoint)["trainer"])
    scale = scale_of(made.groups)
    np.testing.assert_array_equal(players.scale.mean, scale.mean)
    np.testing.assert_array_equal(players.scale.deviation, scale.deviation)
    scores = players.evaluate(3)
    bare = Players(PENDULUM, players.policy, players.parameters)
    assert scores["return"].tolist() != bare.evaluate(3)["return"].tolist()


def test_a_checkpoint_without_the_statistics_is_refused(checkpoint):
    with pytest.raises(ValueError, match="give the world normalize_observation=True"):
        Players.load(checkpoint, "Pendulum-v1", Mlp((8,)))


def test_a_world_that_cannot_be_normalised_is_refused():
    with pytest.raises(ValueError, match=r"observes Discrete\(4\), which has no mean and variance"):
        trainer(pipeline(), World("PoisonedDoors-v0", normalize_observation=True))
    with pytest.raises(ValueError, match="no frame_stack"):
        make_world(World("PoisonedDoors-v0", frame_stack=2), 1, 1)
