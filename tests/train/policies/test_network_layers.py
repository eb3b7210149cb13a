"""Networks of other depths, widths, activations and with other divisions than the usual one."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from segue.train.data.batch import PolicyInput, Sequences
from segue.train.policies import Mlp, Network
from segue.train.policies.flat import OF_HEAD, entries_of
from tests.train.policies.packs import K, assert_members_are_as_alone, parameters
from tests.train.support.plain import ACTIVATIONS

T = 5
N = 3
SEEN = spaces.Box(-np.inf, np.inf, (5,), np.float32)
STATES = spaces.MultiDiscrete([4, 3])
ACTIONS = spaces.Discrete(3)
NETWORKS = {
    "deep": Network(hidden=(9, 7), activation="tanh"),
    "own layers": Network(hidden=(9,), actor=(6, 5), critic=(4,), activation="silu"),
    "without a trunk": Network(hidden=(), actor=(6,), critic=(6,), auxiliary=True),
    "separate": Network(hidden=(9, 7), shared=False, activation="elu"),
    "memory": Network("lstm", hidden=(9, 5), actor=(5,), activation="gelu"),
    "separate memories": Network("gru", hidden=8, shared=False, critic=(5,), auxiliary=True),
}


def seen_by(policy):
    generator = torch.Generator().manual_seed(1)
    memory = torch.randn(K, N, policy.memory, generator=generator).tanh()
    begins = (torch.rand(K, T, N, generator=generator) < 0.2).float()
    observation = torch.randn(K, T * N, 5, generator=generator)
    action = torch.randint(3, (K, T * N), generator=generator)
    return PolicyInput(observation, action, Sequences(memory, begins) if policy.memory else None)


def layered(weights, names, inputs, activation):
    """The outputs of layers with an activation after each."""
    for name in names:
        inputs = ACTIVATIONS[activation]()(inputs @ weights[name] + weights[f"{name}_bias"])
    return inputs


def plainly(network, weights, seen):
    """The actor's inputs and the values of a network without a memory, by torch alone."""

    def features(part):
        encoder = entries_of(part, "encoder")
        read = seen
        if encoder:
            read = ACTIVATIONS[network.activation]()(read @ encoder["weight"] + encoder["bias"])
        names = [name for name in ("layer0", "gates") if name in part]
        return layered(part, names, read, network.activation)

    def top(part, read):
        own = [name for name in ("own0", "own1") if name in part]
        read = layered(part, own, read, network.activation)
        return read @ part["heads"] + part["heads_bias"]

    if "heads" in weights:
        out = top(weights, features(weights))
        return out[..., :3], out[..., 3]
    actor, critic = (entries_of(weights, name) for name in ("actor", "critic"))
    trunks = (weights, weights) if network.shared else (actor, critic)
    inputs = top(actor, features(trunks[0]))
    return inputs[..., :3], top(critic, features(trunks[1]))[..., 0]


@pytest.mark.parametrize("name", [name for name in NETWORKS if NETWORKS[name].memory is None])
def test_outputs_and_gradients_are_those_of_plain_layers(name):
    network = NETWORKS[name]
    policy = network.build(SEEN, ACTIONS)
    seen = seen_by(policy)
    leaves = [parameters(policy).requires_grad_() for _ in range(2)]
    outputs = policy.outputs(leaves[0], seen)
    inputs, value = plainly(network, policy._flat.unpack(leaves[1]), seen.observation)
    torch.testing.assert_close(outputs.inputs, inputs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs.value, value, rtol=1e-4, atol=1e-5)
    gradients = [
        torch.autograd.grad((own.square().sum() + other.square().sum()), leaf)[0]
        for own, other, leaf in (
            (outputs.inputs, outputs.value, leaves[0]),
            (inputs, value, leaves[1]),
        )
    ]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_acting_step_by_step_is_the_same_as_looking_at_whole_sequences(name):
    policy = NETWORKS[name].build(SEEN, ACTIONS)
    rows = parameters(policy)
    seen = seen_by(policy)
    outputs = policy.outputs(rows, seen)
    act = policy.actor(rows)
    remembered = seen.sequences.memory if seen.sequences else torch.zeros(K, N, 0)
    for t, observation in enumerate(seen.observation.unflatten(1, (T, N)).unbind(1)):
        if seen.sequences is not None:
            remembered = remembered * (1 - seen.sequences.begins[:, t, :, None])
        inputs, after, value = act(observation.numpy(), remembered.numpy())
        here = slice(t * N, (t + 1) * N)
        np.testing.assert_allclose(inputs, outputs.inputs[:, here].detach(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(value, outputs.value[:, here].detach(), rtol=1e-4, atol=1e-5)
        remembered = torch.from_numpy(after)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_member_is_the_same_bit_for_bit_whatever_its_neighbours(name):
    policy = NETWORKS[name].build(SEEN, ACTIONS)
    rows = parameters(policy)
    seen = seen_by(policy)
    assert_members_are_as_alone(policy, rows, seen)


def test_one_number_and_a_tuple_of_it_are_the_same_network():
    one, other = (Network("gru", hidden=hidden).build(SEEN, ACTIONS) for hidden in (8, (8,)))
    assert one == other
    assert torch.equal(parameters(one), parameters(other))


def test_without_ortho_init_weights_and_biases_are_drawn_within_the_bounds_of_torch():
    policy = Network("gru", hidden=(9, 8), ortho_init=False).build(SEEN, ACTIONS)
    weights = policy._flat.unpack(policy.initial(np.random.default_rng(0))[None])
    for name in ("layer0", "gates", "heads"):
        bound = 1 / np.sqrt(weights[name].shape[1])
        for part in (weights[name], weights[f"{name}_bias"]):
            assert 0.5 * bound < part.abs().max() <= bound
    assert weights["core.candidate_bias"].any()
    assert not weights[OF_HEAD].numel()


def test_initial_gains_of_own_layers():
    policy = NETWORKS["own layers"].build(SEEN, ACTIONS)
    weights = policy._flat.unpack(policy.initial(np.random.default_rng(0))[None])
    gains = {"actor.own0": 2**0.5, "actor.heads": 0.01, "critic.own0": 2**0.5, "critic.heads": 1.0}
    for name, gain in gains.items():
        assert torch.linalg.matrix_norm(weights[name][0], 2).item() == pytest.approx(gain, rel=1e-4)


def test_without_a_trunk_actor_and_critic_are_perceptrons_as_those_of_mlp():
    """This is how layers of different sizes are written, as `net_arch` of Stable-Baselines3."""
    network = Network(hidden=(), actor=(6, 5), critic=(6, 5), activation="tanh")
    policy = network.build(SEEN, ACTIONS)
    mlp = Mlp((6, 5)).build(SEEN, ACTIONS)
    rows = torch.stack([mlp.initial(np.random.default_rng(seed)) for seed in range(K)])
    parts = [mlp.layers.views(part) for part in rows.view(K, 2, -1).unbind(1)]
    named = {}
    for who, layers in zip(("actor", "critic"), parts, strict=True):
        for name, (weight, bias) in zip(("own0", "own1", "heads"), layers, strict=True):
            width = 1 if (who, name) == ("critic", "heads") else weight.shape[2]
            named[f"{who}.{name}"] = weight[..., :width]
            named[f"{who}.{name}_bias"] = bias[..., :width]
    same = torch.stack(
        [
            policy._flat.pack({name: value[k].numpy() for name, value in named.items()})
            for k in range(K)
        ]
    )
    seen = seen_by(policy)
    own = policy.outputs(same, seen)
    theirs = mlp.outputs(rows, seen)
    torch.testing.assert_close(own.inputs, theirs.inputs)
    torch.testing.assert_close(own.value, theirs.value)


def test_the_states_of_an_embedding_may_be_read_by_the_heads_alone():
    policy = Network(hidden=()).build(STATES, ACTIONS)
    assert policy.trunk.features == 2 * 16
    act = policy.actor(parameters(policy))
    assert act(np.zeros((K, N, 2), np.float32), np.zeros((K, N, 0))).inputs.shape == (K, N, 3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hidden": (8, 0)}, r"hidden=\(8, 0\)\).*at least 1"),
        ({"hidden": (), "memory": "gru"}, r"memory='gru', hidden=\(\)\).*at least one"),
        ({"actor": (0,)}, r"Network\(actor=\(0,\)\): actor lists the widths"),
        ({"activation": "swish"}, r"Network\(activation='swish'\): choose one of tanh"),
    ],
)
def test_impossible_layers_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        Network(**changes)
