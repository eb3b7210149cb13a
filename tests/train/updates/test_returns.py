import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segue.train.updates.returns import gae

numbers = st.floats(-10, 10, width=32)
fractions = st.floats(0, 1, width=32)


@st.composite
def rollouts(draw):
    """The arguments of `gae` but for gamma and lambda, as a dictionary."""
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(1, 3)))
    value = draw(arrays(np.float32, (shape[0] + 1, *shape[1:]), elements=numbers))
    ended = draw(arrays(np.bool_, shape))
    final = draw(arrays(np.float32, shape, elements=numbers))
    return {
        "reward_TKN": draw(arrays(np.float32, shape, elements=numbers)),
        "value_TKN": value[:-1],
        "next_value_TKN": np.where(ended, final, value[1:]),
        "terminated_TKN": ended & draw(arrays(np.bool_, shape)),
        "ended_TKN": ended,
    }


def per_member(members, value):
    return np.full(members, value, np.float32)


def advantages(rollout, gamma, gae_lambda):
    members = rollout["reward_TKN"].shape[1]
    return gae(
        **rollout, gamma_K=per_member(members, gamma), gae_lambda_K=per_member(members, gae_lambda)
    )


def loop(rollout, t, k, n, gamma, gae_lambda):
    """The equation itself, one number at a time: the sum of discounted deltas up to the episode's
    end.
    """
    total = 0.0
    weight = 1.0
    for now in range(t, len(rollout["reward_TKN"])):
        at = now, k, n
        bootstrap = (
            0.0 if rollout["terminated_TKN"][at] else gamma * float(rollout["next_value_TKN"][at])
        )
        total += weight * (
            float(rollout["reward_TKN"][at]) + bootstrap - float(rollout["value_TKN"][at])
        )
        if rollout["ended_TKN"][at]:
            break
        weight *= gamma * gae_lambda
    return total


def three_steps(terminated=(0, 0, 0), ended=(0, 0, 0)):
    def column(numbers, dtype=np.float32):
        return np.array(numbers, dtype)[:, None, None]

    return {
        "reward_TKN": column([1, 2, 3]),
        "value_TKN": column([0.5, 1, 1.5]),
        "next_value_TKN": column([1, 1.5, 2]),
        "terminated_TKN": column(terminated, np.bool_),
        "ended_TKN": column(ended, np.bool_),
    }


@pytest.mark.parametrize(
    ("terminated", "ended", "expected"),
    [
        (
            (0, 0, 0),
            (0, 0, 0),
            [1.59375, 2.375, 2.5],
        ),  # deltas 1, 1.75, 2.5, each worth a quarter one step earlier
        ((0, 1, 0), (0, 1, 0), [1.25, 1.0, 2.5]),  # delta 2 - 1 at the end of the task
        (
            (0, 0, 0),
            (0, 1, 0),
            [1.4375, 1.75, 2.5],
        ),  # a cut: the last observation's value, and nothing later
    ],
)
def test_worked_by_hand(terminated, ended, expected):
    result = advantages(three_steps(terminated, ended), gamma=0.5, gae_lambda=0.5)
    np.testing.assert_allclose(result[:, 0, 0], expected)


@settings(max_examples=50)
@given(rollouts(), fractions, fractions)
def test_agrees_with_the_sum_of_discounted_deltas(rollout, gamma, gae_lambda):
    expected = [
        loop(rollout, *at, gamma, gae_lambda) for at in np.ndindex(rollout["reward_TKN"].shape)
    ]
    np.testing.assert_allclose(
        advantages(rollout, gamma, gae_lambda).reshape(-1), expected, rtol=1e-4, atol=1e-3
    )


@settings(max_examples=50)
@given(rollouts(), fractions)
def test_with_lambda_1_advantage_and_value_are_the_discounted_return(rollout, gamma):
    expected = np.empty(rollout["reward_TKN"].shape)
    follows = rollout["next_value_TKN"][-1].astype(np.float64)
    for t in reversed(range(len(expected))):
        follows = np.where(rollout["ended_TKN"][t], rollout["next_value_TKN"][t], follows)
        follows = rollout["reward_TKN"][t] + gamma * np.where(
            rollout["terminated_TKN"][t], 0, follows
        )
        expected[t] = follows
    result = advantages(rollout, gamma, 1.0) + rollout["value_TKN"]
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3)


@settings(max_examples=50)
@given(rollouts(), fractions)
def test_with_gamma_0_the_advantage_is_reward_minus_value(rollout, gae_lambda):
    expected = rollout["reward_TKN"] - rollout["value_TKN"]
    np.testing.assert_array_equal(advantages(rollout, 0.0, gae_lambda), expected)


@settings(max_examples=50)
@given(rollouts(), fractions)
def test_only_what_is_not_terminated_bootstraps(rollout, gae_lambda):
    before = advantages(rollout, 0.5, gae_lambda)
    higher = rollout["next_value_TKN"] + np.float32(100) * rollout["ended_TKN"]
    gained = advantages(rollout | {"next_value_TKN": higher}, 0.5, gae_lambda) - before
    cut = rollout["ended_TKN"] & ~rollout["terminated_TKN"]
    np.testing.assert_allclose(gained[cut], 50, rtol=1e-4)
    np.testing.assert_array_equal(gained[rollout["terminated_TKN"]], 0)


@settings(max_examples=50)
@given(rollouts(), st.data())
def test_a_member_does_not_depend_on_its_neighbours(rollout, data):
    members = rollout["reward_TKN"].shape[1]
    gamma, gae_lambda = (
        data.draw(arrays(np.float32, members, elements=fractions)) for _ in range(2)
    )
    together = gae(**rollout, gamma_K=gamma, gae_lambda_K=gae_lambda)
    for k in range(members):
        one = slice(k, k + 1)
        own = {name: array[:, one] for name, array in rollout.items()}
        np.testing.assert_array_equal(
            gae(**own, gamma_K=gamma[one], gae_lambda_K=gae_lambda[one]), together[:, one]
        )


@settings(max_examples=20)
@given(rollouts())
def test_the_arguments_stay_as_they_are(rollout):
    before = {name: array.copy() for name, array in rollout.items()}
    advantages(rollout, 0.9, 0.9)
    for name, array in rollout.items():
        np.testing.assert_array_equal(array, before[name])
