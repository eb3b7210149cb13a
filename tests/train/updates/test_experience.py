"""What is learned from: against a second world that is stepped with the same actions, one lane at a
time.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.train.data.batch import PolicyInput
from segue.train.members.stage_knobs import knobs_at
from segue.train.rollouts.rollout import TruncatedEpisodes, collect, noise_for
from segue.train.updates.bootstrap import blocks, bootstrapped
from segue.train.updates.experience import experience
from segue.worlds import lane_seeds, make_world
from segue.worlds.array import cartpole
from tests.train.support.pipelines import LANES, pipeline, trainer
from tests.train.support.plain import sequential
from tests.worlds.probes import GaussianTarget, TruncatedForever

T = 24
N = 3
SEEDS = (0, 1, 2)
PIPELINES = [
    pipeline(gamma=0.9, gae_lambda=0.8),
    pipeline(gamma=0.99, use_gae=False),
    pipeline(gamma=0.5),
]


class Clock(TruncatedForever):
    """Shows the time, so that the last observation of an episode (5) differs from the next one's
    first (0).
    """

    def observe(self):
        return self._time.astype(np.float32)


def collected(world):
    """A pack and its first rollout."""
    pack = trainer(PIPELINES, world, SEEDS, lanes=N).groups[0].pack
    noise = noise_for(pack.policy.head, [own.actions for own in pack.generators], T, N, "cpu")
    rollout = pack._buffers(T)
    collect(pack.world, pack.policy, pack.parameters, noise, rollout)
    return pack, rollout


def values_of(pack, rollout, width=2):
    """Log-probability, advantage, value target and value, `[T, K, N]` each."""
    knobs = [
        knobs_at(own, progress=trainer(own).members[0].progress, lanes=LANES) for own in PIPELINES
    ]
    result = experience(pack.policy, pack.parameters, rollout, knobs, width)
    assert result.samples == T * N
    return result.scalars.view(5, len(SEEDS), T, N).transpose(1, 2)


def replayed(world, rollout):
    """The steps of a second world under the same actions, with the observation after each: an ended
    episode's last.
    """
    made = make_world(world, len(SEEDS), N)
    seen = made.reset(np.concatenate([lane_seeds(seed, "train", N) for seed in SEEDS])).copy()
    steps = []
    for action in rollout.action:
        step = made.step(action.reshape(made.lanes, *action.shape[2:]))
        last = step.observation.copy()
        last[step.ended] = step.final_observation
        steps.append(
            (seen, step.reward.copy(), step.terminated.copy(), step.truncated.copy(), last)
        )
        seen = step.observation.copy()
    return steps


def slow_advantages(pack, steps):
    """Advantages and values `[T, K, N]`, with values from plain modules."""
    advantage, value = np.zeros((2, T, len(SEEDS), N))
    for k, plan in enumerate(PIPELINES):
        critic = sequential(pack.policy.layers, pack.parameters[k].view(2, -1)[1])
        gamma = plan.gamma
        gae_lambda = plan.gae_lambda if plan.use_gae else 1.0
        for n in range(N):
            lane = k * N + n
            carried = 0.0
            for t, (seen, reward, terminated, truncated, last) in reversed(list(enumerate(steps))):
                value[t, k, n], follows = (
                    critic(torch.tensor(x[lane]))[0].item() for x in (seen, last)
                )
                delta = reward[lane] + gamma * follows * (not terminated[lane]) - value[t, k, n]
                carried = delta + gamma * gae_lambda * carried * (
                    not (terminated | truncated)[lane]
                )
                advantage[t, k, n] = carried
    return advantage, value


@pytest.mark.parametrize("world", ["CartPole-v1", Clock])
def test_advantages_and_targets_are_those_of_a_slow_loop(world, monkeypatch):
    monkeypatch.setattr(cartpole, "MAX_EPISODE_STEPS", 9)
    pack, rollout = collected(world)
    assert rollout.cut, "no episode was cut"
    _, advantage, target, value, normal = values_of(pack, rollout)
    expected, expected_value = slow_advantages(pack, replayed(world, rollout))
    np.testing.assert_allclose(value, expected_value, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(advantage, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(target, expected + expected_value, rtol=1e-4, atol=1e-5)
    for k in range(len(SEEDS)):
        own = expected[:, k]
        np.testing.assert_allclose(
            normal[:, k], (own - own.mean()) / own.std(ddof=1), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("world", ["CartPole-v1", GaussianTarget])
def test_log_probabilities_are_those_of_the_policy_that_acted(world):
    pack, rollout = collected(world)
    log_prob = values_of(pack, rollout)[0]
    observation = torch.from_numpy(rollout.observation[:, :-1]).flatten(1, 2)
    action = torch.from_numpy(np.stack(rollout.action, 1)).flatten(1, 2)
    outputs = pack.policy.outputs(pack.parameters, PolicyInput(observation, action))
    torch.testing.assert_close(
        log_prob.transpose(0, 1).flatten(1), outputs.log_prob, rtol=1e-5, atol=1e-6
    )


def test_minibatch_rows_belong_together():
    pack, rollout = collected("CartPole-v1")
    knobs = [
        knobs_at(own, progress=trainer(own).members[0].progress, lanes=LANES) for own in PIPELINES
    ]
    result = experience(pack.policy, pack.parameters, rollout, knobs, 3)
    index = np.array(
        [[[T * N + 7, 5], [2 * T * N, 1]]]
    )  # one minibatch of two members with two samples each
    (batch,) = result.batches(index)
    for at, row in np.ndenumerate(index[0]):
        k, t, n = np.unravel_index(row, (len(SEEDS), T, N))
        np.testing.assert_array_equal(
            batch.policy_input.observation[at], rollout.observation[k, t, n]
        )
        assert batch.policy_input.action[at] == rollout.action[t][k, n]
        fields = (
            batch.log_prob,
            batch.advantage,
            batch.value_target,
            batch.value,
            batch.normalized_advantage,
        )
        assert torch.equal(torch.stack([field[at] for field in fields]), result.scalars[:, row])


def test_values_do_not_depend_on_how_many_members_are_evaluated_at_a_time():
    pack, rollout = collected("CartPole-v1")
    assert torch.equal(values_of(pack, rollout, width=1), values_of(pack, rollout, width=3))


def test_the_value_of_a_last_observation_does_not_depend_on_the_neighbours_cuts(monkeypatch):
    monkeypatch.setattr(cartpole, "MAX_EPISODE_STEPS", 5)
    pack, rollout = collected("CartPole-v1")
    follows = np.zeros((T, len(SEEDS), N), np.float32)
    together = bootstrapped(pack.policy, pack.parameters, rollout, follows)
    for k in range(len(SEEDS)):
        own = [
            TruncatedEpisodes(cut.step, *(part[cut.lanes // N == k] for part in cut[1:]))
            for cut in rollout.cut
        ]
        alone = bootstrapped(pack.policy, pack.parameters, replace(rollout, cut=own), follows)
        np.testing.assert_array_equal(alone[:, k], together[:, k])


@settings(max_examples=100)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 5))
def test_blocks_deal_every_event_once_into_a_place_of_its_own(member, size):
    dealt = list(blocks(np.array(member), 4, size))
    assert sorted(np.concatenate([which for which, _ in dealt]).tolist()) == list(
        range(len(member))
    )
    for which, slots in dealt:
        places = [(member[event], slot) for event, slot in zip(which, slots, strict=True)]
        assert len(set(places)) == len(places)
        assert all(0 <= slot < size for _, slot in places)
    most = max(member.count(one) for one in member)
    assert len(dealt) == -(-most // size)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 5))
def test_a_member_s_events_lie_where_they_would_without_neighbours(member, size):
    for one in set(member):
        events = np.flatnonzero(np.array(member) == one)
        rank = {event: divmod(place, size) for place, event in enumerate(events.tolist())}
        for number, (which, slots) in enumerate(blocks(np.array(member), 4, size)):
            for event, slot in zip(which.tolist(), slots.tolist(), strict=True):
                assert rank.get(event, (number, slot)) == (number, slot)
