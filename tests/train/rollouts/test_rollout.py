import numpy as np
import pytest
import torch

from segue.train.policies.heads import Categorical, Gaussian
from segue.train.rollouts.rollout import Rollout, collect, noise_for, record_ends
from segue.worlds import lane_seeds, make_world
from segue.worlds.world import Step
from tests.train.support.example_members import ThreeTargets
from tests.train.support.pipelines import pipeline, trainer
from tests.worlds.probes import ContextualAction

SEEDS = (3, 1)
N = 4


def generators(count):
    return [np.random.Generator(np.random.SFC64(seed)) for seed in range(count)]


def twice_collected(world, steps=20):
    """A pack, and its first two rollouts as copies of (observation, reward, terminated, truncated,
    actions).
    """
    pack = trainer(pipeline(), world, SEEDS, lanes=N).groups[0].pack
    found = []
    for _ in range(2):
        noise = noise_for(
            pack.policy.head, [own.actions for own in pack.generators], steps, N, "cpu"
        )
        rollout = pack._buffers(steps)
        collect(pack.world, pack.policy, pack.parameters, noise, rollout)
        pack.observation = rollout.observation[:, -1]
        arrays = rollout.observation, rollout.reward, rollout.terminated, rollout.truncated
        found.append(
            (*(array.copy() for array in arrays), [np.array(action) for action in rollout.action])
        )
    return pack, found


@pytest.mark.parametrize("world", ["CartPole-v1", "Pendulum-v1", ThreeTargets])
def test_it_is_what_the_world_answers_to_the_actions_from_rollout_to_rollout(world):
    _, found = twice_collected(world)
    made = make_world(world, len(SEEDS), N)
    seen = made.reset(np.concatenate([lane_seeds(seed, "train", N) for seed in SEEDS]))
    for observation, reward, terminated, truncated, actions in found:
        for t, action in enumerate(actions):
            np.testing.assert_array_equal(observation[:, t].reshape(seen.shape), seen)
            step = made.step(action.reshape(made.lanes, *action.shape[2:]))
            seen = step.observation.copy()
            for mine, theirs in (
                (reward, step.reward),
                (terminated, step.terminated),
                (truncated, step.truncated),
            ):
                np.testing.assert_array_equal(mine[t], theirs)
        np.testing.assert_array_equal(observation[:, -1].reshape(seen.shape), seen)


def test_actions_are_explored():
    _, found = twice_collected("CartPole-v1")
    actions = np.stack(found[0][-1])
    assert 0.3 < actions.mean() < 0.7
    assert not np.array_equal(actions[:, 0], actions[:, 1]), "members draw the same noise"


@pytest.mark.parametrize("head", [Categorical(3), Gaussian(2)])
def test_a_member_s_noise_is_its_own(head):
    together = noise_for(head, generators(5), 7, 3, "cpu")
    alone = noise_for(head, generators(5)[2:3], 7, 3, "cpu")
    assert [noise.shape for noise in together] == [(5, 3, head.size)] * 7
    for one, all_of_them in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[0], all_of_them[2])


def test_last_observations_and_metrics_outlive_the_world_s_next_step():
    final = np.array([[1.0], [2.0], [3.0]], np.float32)
    success = np.array([0, 1, 1], np.float32)
    ended = np.array([0, 2, 3])
    rollout = Rollout.empty(members=2, steps=1, lanes=2, numbers=1, memory=np.zeros((2, 2, 0)))
    rollout.terminated[0] = [False, False, True, True]
    rollout.truncated[0] = [True, False, True, False]
    memory = np.arange(12.0).reshape(2, 2, 3)
    record_ends(
        rollout, 0, Step(None, None, None, None, ended, final, {"success": success}), memory
    )
    for array in (ended, final, success, memory):
        array[:] = 9
    ((t, lanes, seen, remembered),) = rollout.cut
    assert (t, lanes.tolist(), seen.tolist(), remembered.tolist()) == (0, [0], [[1.0]], [[0, 1, 2]])
    ((lanes, info),) = rollout.info
    assert (lanes.tolist(), info["success"].tolist()) == ([0, 2, 3], [0, 1, 1])


def test_metrics_of_the_world_come_to_the_member_they_are_about():
    pack = trainer(pipeline(), ContextualAction, SEEDS, lanes=N).groups[0].pack
    knobs = trainer(pipeline()).members[0].knobs
    happened = pack.iterate([knobs, knobs], [[], []], [False, False])
    ended = happened.ended
    metrics = happened.metrics
    for k in range(2):
        of_member = ended.lane // N == k
        assert len(metrics["success"][k]) == of_member.sum() == 16 * N
        assert sum(metrics["success"][k]) == ended.reward[of_member].sum()


def test_acting_needs_no_gradient():
    _, found = twice_collected("CartPole-v1", steps=2)
    assert torch.is_grad_enabled()
    assert isinstance(found[0][-1][0], np.ndarray)
