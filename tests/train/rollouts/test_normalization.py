"""Normalisation against the libraries whose definitions it has."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers.vector import NormalizeObservation, NormalizeReward

from segue.plan.world import World
from segue.train.rollouts.moments import Moments
from segue.train.rollouts.normalization import Normalizer

STEPS = 60
LANES = 5
GAMMA = 0.9


def numbers(members=1, lanes=LANES, width=3, steps=STEPS, seed=0):
    """Observations [T, K, N, O], rewards [T, K, N], and which steps end an episode [T, K, N]."""
    generator = np.random.default_rng(seed)
    shape = (steps, members, lanes)
    shift = generator.normal(0, 50, (members, 1, width))
    observation = (generator.standard_normal((*shape, width)) * 7 + shift).astype(np.float32)
    reward = generator.normal(2, 3, shape).astype(np.float32)
    return observation, reward, generator.random(shape) < 0.1


def normalizer(members=1, lanes=LANES, width=3, **changes):
    world = World("", normalize_observation=True, normalize_reward=True, **changes)
    return Normalizer.of(world, members, lanes, width)


def run(made, observation, reward, ended, gamma=GAMMA):
    """The normalised observations [T, K, N, O] and rewards [T, K, N]."""
    seen = np.empty_like(observation)
    for now, out in zip(observation, seen, strict=True):
        made.observation.observe(now, out)
    learned = reward.reshape(len(reward), -1).copy()
    made.apply_to_rewards(learned, ended.reshape(learned.shape), [gamma] * reward.shape[1])
    return seen, learned.reshape(reward.shape)


class Recorded:
    """A vector environment of Stable-Baselines3's that returns recorded numbers."""

    num_envs = LANES
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, observation: Any, reward: Any, ended: Any, final: Any) -> None:
        self.rows = iter(zip(observation[1:], reward, ended, final, strict=True))
        self.first = observation[0]

    def get_attr(self, name: str, indices: Any) -> list[None]:
        return [None]

    def reset(self) -> Any:
        return self.first

    def step_async(self, actions: Any) -> None: ...

    def step_wait(self) -> Any:
        observation, reward, ended, final = next(self.rows)
        infos = [
            {"terminal_observation": row} if end else {}
            for row, end in zip(final, ended, strict=True)
        ]
        return observation, reward, ended, infos


@pytest.mark.parametrize("clip", [10.0, 0.7])
def test_numbers_are_those_of_stable_baselines3(clip) -> None:
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    observation, reward, ended = numbers(steps=STEPS + 1)
    final = observation[1:, 0] + 1
    recorded = Recorded(observation[:, 0], reward[:-1, 0], ended[:-1, 0], final)
    theirs = vec_env.VecNormalize(recorded, gamma=GAMMA, clip_obs=clip, clip_reward=clip)
    made = normalizer(clip_observation=clip, clip_reward=clip)
    out = np.empty((1, LANES, 3), np.float32)
    made.begin(observation[0], out)
    np.testing.assert_allclose(out[0], theirs.reset(), rtol=1e-5, atol=1e-5)
    for t in range(STEPS):
        row = reward[t].copy()
        made.observation.observe(observation[t + 1], out)
        made.apply_to_rewards(row, ended[t], [GAMMA])
        seen, learned, _, infos = theirs.step(None)
        np.testing.assert_allclose(out[0], seen, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(row[0], learned, rtol=1e-6)
        (lanes,) = np.nonzero(ended[t, 0])
        ours = made.observation.scale.of(np.zeros(len(lanes), np.int64), final[t, lanes])
        for lane, mine in zip(lanes, ours, strict=True):
            np.testing.assert_allclose(
                mine, infos[lane]["terminal_observation"], rtol=1e-5, atol=1e-5
            )
    assert made.reward.moments.count == pytest.approx(theirs.ret_rms.count)
    np.testing.assert_allclose(made.observation.moments.variance[0], theirs.obs_rms.var, rtol=1e-5)
    np.testing.assert_allclose(made.reward.moments.variance[0], theirs.ret_rms.var, rtol=1e-12)


class Replayed(gymnasium.Env[Any, Any]):
    """Returns recorded observations and rewards, in one episode without an end."""

    action_space = gymnasium.spaces.Discrete(2)
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)

    def __init__(self, observation: Any, reward: Any) -> None:
        self.observation = observation
        self.reward = reward

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.time = 0
        return self.observation[0], {}

    def step(self, action: Any) -> Any:
        self.time += 1
        reward = self.reward[self.time - 1]
        return self.observation[self.time], float(reward), False, False, {}


def test_numbers_are_those_of_gymnasium_within_an_episode() -> None:
    """Where no episode ends, and nothing is clipped, the two libraries have one definition."""
    observation, reward, _ = numbers(steps=STEPS + 1)
    lanes = [(observation[:, 0, lane], reward[:, 0, lane]) for lane in range(LANES)]
    vector: Any = SyncVectorEnv([lambda lane=lane: Replayed(*lane) for lane in lanes])
    theirs = NormalizeReward(NormalizeObservation(vector), gamma=GAMMA)
    made = normalizer(clip_observation=np.inf, clip_reward=np.inf)
    out = np.empty((1, LANES, 3), np.float32)
    made.begin(observation[0], out)
    first, _ = theirs.reset()
    np.testing.assert_allclose(out[0], first, rtol=1e-3, atol=1e-3)  # theirs in 32 bits
    for t in range(STEPS):
        row = reward[t].copy()
        made.observation.observe(observation[t + 1], out)
        made.apply_to_rewards(row, np.zeros_like(row, bool), [GAMMA])
        seen, learned, *_ = theirs.step(np.zeros(LANES, np.int64))
        np.testing.assert_allclose(out[0], seen, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(row[0], learned, rtol=1e-5)


@pytest.mark.parametrize(("lanes", "width"), [(1, 1), (1, 4), (9, 1), (131, 1), (8, 17), (300, 3)])
def test_a_member_s_numbers_do_not_depend_on_its_neighbours(lanes, width) -> None:
    members = 7
    given = numbers(members, lanes, width, steps=20)
    together = run(normalizer(members, lanes, width), *given)
    for member in range(members):
        alone = run(normalizer(1, lanes, width), *(each[:, member : member + 1] for each in given))
        for mine, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_array_equal(mine[:, 0], all_of_them[:, member])


def test_parts_and_restored_states_continue_bit_for_bit() -> None:
    given = numbers(3, steps=40)
    before, after = ([each[rows] for each in given] for rows in (slice(20), slice(20, None)))
    whole = normalizer(3)
    run(whole, *before)
    state = whole.state_dict()
    part = whole.select([2, 0])
    restored = normalizer(3)
    restored.load_state_dict(state)
    expected = run(whole, *after)
    for mine, theirs in zip(run(restored, *after), expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    of_part = run(part, *(each[:, [2, 0]] for each in after))
    for mine, theirs in zip(of_part, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs[:, [2, 0]])
    np.testing.assert_array_equal(restored.state_dict()["reward"]["returns"], whole.reward.returns)


def test_the_statistics_are_those_of_all_samples() -> None:
    samples = np.random.default_rng(0).normal(5, 2, (200, 2, 3))
    moments = Moments.start(2)
    for batch in samples:
        moments.update(batch, np.empty_like(batch))
    rows = samples.swapaxes(0, 1).reshape(2, -1)
    np.testing.assert_allclose(moments.mean, rows.mean(1), rtol=1e-5)
    np.testing.assert_allclose(moments.variance, rows.var(1), rtol=1e-5)


def test_rewards_may_only_be_scaled() -> None:
    made = Normalizer.of(World("", reward_scale=0.5), 1, LANES, 3)
    _, reward, ended = numbers()
    learned = reward[:, 0].copy()
    made.apply_to_rewards(learned, ended[:, 0], [GAMMA])
    np.testing.assert_array_equal(learned, reward[:, 0] / 2)
    assert made.observation is None
    assert Normalizer.of(World(""), 1, LANES, 3).state_dict() == {
        "observation": None,
        "reward": None,
    }


def test_what_is_not_finite_stays_with_its_member() -> None:
    observation, reward, ended = numbers(2)
    observation[3, 0, 1, 2] = np.inf
    reward[4, 0, 0] = np.nan
    clean = run(normalizer(1), *(each[:, 1:] for each in (observation, reward, ended)))
    seen, learned = run(normalizer(2), observation, reward, ended)
    np.testing.assert_array_equal(seen[:, 1], clean[0][:, 0])
    np.testing.assert_array_equal(learned[:, 1], clean[1][:, 0])
    assert not np.isfinite(seen[-1, 0]).all() and not np.isfinite(learned[-1, 0]).all()
