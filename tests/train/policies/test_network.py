"""Networks against plain torch modules with the same weights, and packs of them against their
members alone.
"""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from segue.train.data.batch import PolicyInput, Sequences
from segue.train.policies import Network
from segue.train.policies.arrays.row_sums import row_sums
from segue.train.policies.encoders.grid_view import by_products, by_sums
from segue.worlds.array.minigrid.view import view_space
from tests.train.policies.packs import K, assert_members_are_as_alone, parameters
from tests.train.policies.plain_network import plain

T = 7
N = 4
ACTIONS = spaces.Discrete(3)
VIEW = view_space()
PICTURE = spaces.Box(0, 255, (10, 10, 3), np.uint8)
SPACES = {
    "vector": spaces.Box(-np.inf, np.inf, (5,), np.float32),
    "number": spaces.Discrete(6),
    "numbers": spaces.MultiDiscrete([5, 5, 3]),
    "view": VIEW,
    "several": spaces.Dict(
        {"direction": spaces.Discrete(4), "image": VIEW, "mission": spaces.MultiDiscrete([20] * 6)}
    ),
}


def observations(space, seed=0):
    """`[K, T*N, O]` of numbers that the space may show."""
    generator = np.random.default_rng(seed)
    match space:
        case spaces.Discrete():
            numbers = generator.integers(space.n, size=(K, T * N, 1))
        case spaces.MultiDiscrete():
            numbers = generator.integers(space.nvec, size=(K, T * N, len(space.nvec)))
        case spaces.Dict():
            return torch.cat([observations(part, seed) for part in space.spaces.values()], -1)
        case _ if space.dtype == np.uint8:
            numbers = generator.integers([11, 6, 3], size=(K, T * N, 49, 3)).reshape(K, T * N, -1)
        case _:
            numbers = generator.standard_normal((K, T * N, 5))
    return torch.from_numpy(numbers).float()


def built(space="vector", memory="lstm", actions=ACTIONS, **changes):
    return Network(memory, hidden=8, **changes).build(SPACES[space], actions)


def seen_by(policy, space, begins=None):
    generator = torch.Generator().manual_seed(1)
    memory = torch.randn(K, N, policy.memory, generator=generator).tanh()
    if begins is None:
        begins = (torch.rand(K, T, N, generator=generator) < 0.2).float()
    action = torch.randint(3, (K, T * N), generator=generator)
    sequences = Sequences(memory, begins) if policy.memory else None
    return PolicyInput(observations(SPACES[space]), action, sequences)


@pytest.mark.parametrize("memory", [None, "gru", "lstm"])
@pytest.mark.parametrize("space", SPACES)
def test_outputs_and_gradients_are_those_of_plain_modules(space, memory):
    policy = built(space, memory, auxiliary=True)
    rows = parameters(policy)
    seen = seen_by(policy, space)
    leaf = rows.clone().requires_grad_()
    outputs = policy.outputs(leaf, seen)
    weights = torch.randn(4, T * N, generator=torch.Generator().manual_seed(2))
    results = (
        outputs.log_prob,
        outputs.value,
        outputs.entropy,
        outputs.auxiliary_log_prob_of(seen.action),
    )
    (gradient,) = torch.autograd.grad(
        sum((w * part).sum() for w, part in zip(weights, results, strict=True)), leaf
    )
    for k in range(K):
        module = plain(policy, rows[k])
        expected = module(
            seen.observation[k], seen.action[k], *(part[k] for part in seen.sequences or ())
        )
        for mine, plainly in zip(results, expected, strict=True):
            torch.testing.assert_close(mine[k], plainly, rtol=1e-4, atol=1e-5)
        sum((w * part).sum() for w, part in zip(weights, expected, strict=True)).backward()
        torch.testing.assert_close(gradient[k], module.gradient(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("memory", [None, "gru", "lstm"])
@pytest.mark.parametrize("space", SPACES)
def test_acting_step_by_step_is_the_same_as_looking_at_whole_sequences(space, memory):
    policy = built(space, memory)
    rows = parameters(policy)
    seen = seen_by(policy, space)
    outputs = policy.outputs(rows, seen)
    act = policy.actor(rows)
    by_step = seen.observation.unflatten(1, (T, N)).unbind(1)
    remembered = seen.sequences.memory if seen.sequences else torch.zeros(K, N, 0)
    for t, observation in enumerate(by_step):
        if seen.sequences is not None:
            remembered = remembered * (1 - seen.sequences.begins[:, t, :, None])
        judged = policy.values(rows, observation, remembered)
        inputs, after, value = act(observation.numpy(), remembered.numpy())
        here = slice(t * N, (t + 1) * N)
        np.testing.assert_allclose(inputs, outputs.inputs[:, here].detach(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(value, outputs.value[:, here].detach(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(judged, value)
        remembered = torch.from_numpy(after)


@pytest.mark.parametrize("memory", ["gru", "lstm"])
def test_what_was_before_an_episode_began_is_forgotten(memory):
    policy = built(memory=memory)
    rows = parameters(policy)
    begins = torch.zeros(K, T, N)
    begins[:, 3, 1] = 1
    seen = seen_by(policy, "vector", begins)
    other = seen._replace(sequences=seen.sequences._replace(memory=-seen.sequences.memory))
    one, two = (policy.outputs(rows, which).value.detach().view(K, T, N) for which in (seen, other))
    assert torch.equal(one[:, 3:, 1], two[:, 3:, 1])
    assert not torch.isclose(one[:, :3, 1], two[:, :3, 1]).any()
    assert not torch.isclose(one[:, 3:, 2], two[:, 3:, 2]).all(1).any()


@pytest.mark.parametrize("memory", [None, "gru", "lstm"])
@pytest.mark.parametrize("space", SPACES)
def test_a_member_is_the_same_bit_for_bit_whatever_its_neighbours(space, memory):
    policy = built(space, memory, auxiliary=True)
    rows = parameters(policy)
    seen = seen_by(policy, space)
    assert_members_are_as_alone(policy, rows, seen)


def test_sums_of_rows_convolve_as_products_do():
    generator = torch.Generator().manual_seed(0)
    filters = torch.randn(K, 9, 20, 5, generator=generator, requires_grad=True)
    bias = torch.randn(K, 1, 5, generator=generator, requires_grad=True)
    content = torch.randint(198, (K, 40, 9), generator=generator)
    weights = torch.randn(K, 40, 5, generator=generator)
    one, two = (by(filters, bias)(content) for by in (by_sums, by_products))
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)
    gradients = [torch.autograd.grad(found, (filters, bias), weights) for found in (one, two)]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("channel", "number"), [(0, 11), (1, 6), (2, 3), (1, -1), (2, np.nan)])
def test_a_cell_that_is_not_one_of_minigrid_s_is_not_read_as_another(channel, number):
    observation = torch.zeros(K, N, 49, 3)
    observation[0, 0, 5, channel] = number
    match = "kinds are below 11, colours below 6 and states below 3"
    assert_refused("view", observation.flatten(2), match)


@pytest.mark.parametrize("number", [6, -1])
def test_a_number_outside_the_space_does_not_read_another_member_s_row(number):
    observation = torch.zeros(K, N, 1)
    observation[1, 0, 0] = number
    assert_refused("number", observation, f"has the number {number}, but .* from 0 to 5")


def assert_refused(space, observation, match):
    policy = built(space)
    with pytest.raises(IndexError, match=match):
        policy.values(parameters(policy), observation, torch.zeros(K, N, policy.memory))


def test_rows_that_a_sum_meets_twice_count_twice():
    table = torch.tensor([[[1.0, 10.0], [2.0, 20.0]]], requires_grad=True)
    found = row_sums(table, torch.tensor([[[1, 1], [0, 1]]]), torch.tensor([[[0.5, 0.0]]]))
    assert found.tolist() == [[[4.5, 40.0], [3.5, 30.0]]]
    (gradient,) = torch.autograd.grad(found, table, torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    assert gradient.tolist() == [[[3.0, 4.0], [5.0, 8.0]]]


def test_initial_weights_are_orthogonal_with_the_usual_gains():
    policy = built("vector", "gru")
    weights = policy._flat.unpack(policy.initial(np.random.default_rng(0))[None])
    recurrent = weights["core.recurrent"][0]
    torch.testing.assert_close(recurrent @ recurrent.T, torch.eye(8), rtol=1e-4, atol=1e-5)
    actor, critic = weights["heads"][0].split((3, 1), 1)
    assert torch.linalg.matrix_norm(actor, 2).item() == pytest.approx(0.01, rel=1e-4)
    assert torch.linalg.matrix_norm(critic, 2).item() == pytest.approx(1.0, rel=1e-4)
    assert not any(
        weights[name].any() for name in ("gates_bias", "heads_bias", "core.candidate_bias")
    )


def test_gaussian_actions_have_their_standard_deviations_at_the_row_s_end():
    policy = built("vector", "gru", spaces.Box(-1, 1, (2,), np.float32))
    rows = parameters(policy)
    assert torch.equal(policy.extra(rows), rows[:, None, -2:])
    seen = seen_by(policy, "vector")._replace(action=torch.randn(K, T * N, 2))
    outputs = policy.outputs(rows, seen)
    normal = torch.distributions.Normal(outputs.inputs, rows[:, None, -2:].exp())
    torch.testing.assert_close(outputs.log_prob, normal.log_prob(seen.action).sum(-1))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"memory": "rnn"}, "choose one of 'gru', 'lstm' and None"),
        ({"hidden": 0}, "a number of units, at least 1"),
    ],
)
def test_impossible_networks_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        Network(**changes)


@pytest.mark.parametrize(
    ("space", "encoders", "sentence"),
    [
        (PICTURE, {}, r"colours or .* cells: .*\{'': Picture\(10, 10, 3\).*GridView\(10, 10\)"),
        (spaces.Dict({"eye": PICTURE}), {}, r"observes Box.*as 'eye'.*'eye': GridView\(10"),
        (spaces.Box(0, 1, (4, 40)), {}, r"pictures below 5x5 have no default convolutions"),
        (SPACES["several"], {"picture": None}, r"an encoder for 'picture', which is not observed"),
        (spaces.Dict({"sound": spaces.Box(-1, 1, (2, 2, 2, 2))}), {}, r"as 'sound'"),
    ],
)
def test_what_it_cannot_read_is_refused(space, encoders, sentence):
    with pytest.raises(ValueError, match=sentence):
        Network(encoders=encoders).build(space, ACTIONS)


def test_gru_and_lstm_are_torch_s(seed=0):
    """The plain modules of the comparison above are torch's own cells."""
    assert isinstance(
        plain(built(memory="gru"), parameters(built(memory="gru"))[0]).cell, nn.GRUCell
    )
    assert isinstance(
        plain(built(memory="lstm"), parameters(built(memory="lstm"))[0]).cell, nn.LSTMCell
    )
