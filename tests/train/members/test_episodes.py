import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segue.train.members.episodes import EpisodeTotals, ended_episodes

T = 6
LANES = 3
rewards = arrays(np.float32, (T, LANES), elements=st.floats(-100, 100, width=32))
ends = arrays(np.bool_, (T, LANES))


def one_by_one(reward_TL, ended_TL):
    """(lane, return, steps) of every episode, lane by lane, and (return, steps) of those still
    running.
    """
    over = []
    left = []
    for lane in range(reward_TL.shape[1]):
        gathered = 0.0
        steps = 0
        for reward, ended in zip(reward_TL[:, lane].tolist(), ended_TL[:, lane], strict=True):
            gathered = gathered + reward
            steps = steps + 1
            if ended:
                over.append((lane, gathered, steps))
                gathered = 0.0
                steps = 0
        left.append((gathered, steps))
    return over, left


def assert_same(found, expected):
    np.testing.assert_allclose(
        np.array(found, float).reshape(-1), np.array(expected, float).reshape(-1), atol=1e-9
    )


def rows(*columns):
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_worked_by_hand():
    reward = np.array([[1, 10], [2, 20], [4, 40]], np.float32)
    ended = np.array([[1, 0], [0, 0], [1, 0]], bool)
    over, running = ended_episodes(
        reward, ended, EpisodeTotals(np.array([0.5, 5.0]), np.array([2, 7]))
    )
    assert rows(*over) == [(0, 1.5, 3), (0, 6.0, 2)]
    assert rows(*running) == [(0.0, 0), (75.0, 10)]


@settings(max_examples=50)
@given(rewards, ends)
def test_one_rollout_is_what_a_loop_counts(reward, ended):
    over, running = ended_episodes(reward, ended, EpisodeTotals.zeros(LANES))
    expected, left = one_by_one(reward, ended)
    assert_same(rows(*over), expected)
    assert_same(rows(*running), left)


@settings(max_examples=50)
@given(st.lists(st.tuples(rewards, ends), min_size=2, max_size=4))
def test_episodes_continue_from_rollout_to_rollout(parts):
    running = EpisodeTotals.zeros(LANES)
    over = []
    for reward, ended in parts:
        ends_here, running = ended_episodes(reward, ended, running)
        over += rows(*ends_here)
    expected, left = one_by_one(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    assert_same(sorted(over, key=lambda episode: episode[0]), expected)
    assert_same(rows(*running), left)


def test_a_long_run_of_small_rewards_is_summed_precisely():
    running = EpisodeTotals.zeros(1)
    tenth = np.full((1000, 1), 0.1, np.float32)
    for _ in range(100):
        _, running = ended_episodes(tenth, np.zeros((1000, 1), bool), running)
    np.testing.assert_allclose(running.reward, 100_000 * float(np.float32(0.1)), rtol=1e-12)
