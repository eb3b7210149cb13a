import numpy as np
import pytest
import torch
from gymnasium import spaces

from segue.train.data.batch import PolicyInput
from segue.train.policies import Mlp
from segue.train.policies.heads import (
    Bernoulli,
    Categorical,
    Gaussian,
    MultiCategorical,
    Squashed,
    StateGaussian,
)
from segue.train.policies.initial import orthogonal
from tests.train.support.pipelines import advanced, pipeline, trainer
from tests.train.support.plain import sequential
from tests.worlds.probes import GaussianTarget

NONE = torch.zeros(2, 6, 0)
SEEN = spaces.Box(-np.inf, np.inf, (4,), np.float32)
BOX = spaces.Box(-1, 1, (2,), np.float32)


def built(mlp=None, actions=None):
    return (mlp or Mlp()).build(SEEN, actions or spaces.Discrete(3))


def initial(policy, members=2):
    return torch.stack([policy.initial(np.random.default_rng(seed)) for seed in range(members)])


def layers_of(policy, parameters):
    """Weights and biases of actor and critic."""
    rows = parameters.view(2, -1)
    return [policy.layers.views(rows[i : i + 1]) for i in (0, 1)]


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 64), (64, 64), (64, 3), (5, 1)])
def test_initial_weights_are_orthogonal(inputs, outputs):
    weight = orthogonal(np.random.default_rng(0), inputs, outputs, gain=2.0).astype(np.float64)
    assert weight.shape == (inputs, outputs)
    product = weight @ weight.T if inputs <= outputs else weight.T @ weight
    np.testing.assert_allclose(product, 4 * np.eye(min(inputs, outputs)), atol=1e-5)


def test_initial_gains_are_those_of_the_docstring_and_biases_zero():
    actor, critic = layers_of(built(), initial(built(), 1)[0])
    for network, last, width in ((actor, 0.01, 3), (critic, 1.0, 1)):
        weights = [weight[0] for weight, _ in network]
        norms = [torch.linalg.matrix_norm(weight, 2).item() for weight in weights]
        assert norms == pytest.approx([np.sqrt(2), np.sqrt(2), last], rel=1e-5)
        assert not weights[-1][:, width:].any()
        assert not any(bias.any() for _, bias in network)


def test_members_begin_differently_and_by_their_generator_alone():
    first, second = initial(built())
    assert not torch.equal(first, second)
    assert torch.equal(first, initial(built())[0])


@pytest.mark.parametrize("hidden", [(), (17,), (64, 64), (8, 9, 10)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_actor_and_critic_are_two_plain_networks(hidden, activation):
    policy = built(Mlp(hidden, activation))
    parameters = initial(policy) + 0.1
    seen = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    action = torch.arange(12).reshape(2, 6) % 3
    outputs = policy.outputs(parameters, PolicyInput(seen, action))
    scores = torch.from_numpy(policy.actor(parameters)(seen.numpy(), NONE).inputs)
    for k in range(2):
        actor, critic = (sequential(policy.layers, row) for row in parameters[k].view(2, -1))
        known = torch.distributions.Categorical(logits=actor(seen[k]))
        torch.testing.assert_close(scores[k], actor(seen[k]).detach(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(
            outputs.log_prob[k], known.log_prob(action[k]), rtol=1e-5, atol=1e-6
        )
        torch.testing.assert_close(outputs.entropy[k], known.entropy(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(outputs.value[k], critic(seen[k])[:, 0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        policy.values(parameters, seen, NONE), outputs.value.detach(), rtol=1e-5, atol=1e-6
    )


def test_a_gaussian_s_standard_deviations_begin_at_one_and_learn():
    policy = built(actions=spaces.Box(-1, 1, (2,), np.float32))
    parameters = initial(policy).requires_grad_()
    assert policy.extra(parameters).tolist() == [[[0.0, 0.0]]] * 2
    action = torch.full((2, 6, 2), 3.0)
    outputs = policy.outputs(parameters, PolicyInput(torch.zeros(2, 6, 4), action))
    (gradient,) = torch.autograd.grad(outputs.log_prob.sum(), parameters)
    torch.testing.assert_close(policy.extra(gradient), torch.full((2, 1, 2), 6 * (9.0 - 1)))


@pytest.mark.parametrize("world", ["CartPole-v1", GaussianTarget])
@pytest.mark.parametrize("adam", [{"lr": 1e-2}, {"lr": 1e-2, "weight_decay": 0.1}])
def test_padding_never_moves(world, adam):
    made = advanced(trainer(pipeline(adam=adam), world, policy=Mlp((5,))))
    policy = made.groups[0].pack.policy
    actor, critic = made.parameters.view(2, -1)
    used = policy.layers.parameters
    assert not actor[used + policy.head.extra :].any()
    assert not critic[used:].any()
    assert actor[:used].any() and critic[:used].any()
    assert made.parameters.shape[1] % 32 == 0


def test_heads_follow_the_action_space():
    assert built().head == Categorical(3)
    assert built(actions=BOX).head == Gaussian(2)
    assert built(Mlp(log_std_init=-2.0), BOX).head == Gaussian(2, -2.0)
    assert built(actions=spaces.MultiDiscrete([3, 2])).head == MultiCategorical((3, 2))
    assert built(actions=spaces.MultiBinary(4)).head == Bernoulli(4)
    assert built(Mlp(state_dependent_std=True), BOX).head == StateGaussian(2)
    squashed = built(Mlp(squash_output=True), spaces.Box(-2, 1, (1,), np.float32)).head
    assert squashed == Squashed(Gaussian(1), (-2.0,), (1.0,))


def test_the_standard_deviation_starts_as_given():
    policy = built(Mlp(log_std_init=-2.0), BOX)
    assert policy.extra(initial(policy)).tolist() == [[[-2.0, -2.0]]] * 2


def test_without_ortho_init_layers_are_those_of_torch_s_linear():
    policy = built(Mlp((64, 32), ortho_init=False))
    assert torch.equal(initial(policy), initial(policy))
    for network, width in zip(layers_of(policy, initial(policy, 1)[0]), (3, 1), strict=True):
        for i, (weight, bias) in enumerate(network):
            used = width if i == 2 else weight.shape[2]
            bound = 1 / np.sqrt(weight.shape[1])
            for part in (weight[0, :, :used], bias[0, :, :used]):
                assert part.abs().max() <= bound
            assert weight[0, :, :used].abs().max() > 0.8 * bound
            assert not weight[0, :, used:].any()


@pytest.mark.parametrize(
    ("space", "seen", "read"),
    [
        (spaces.Discrete(3), [[2], [0]], [[0, 0, 1], [1, 0, 0]]),
        (spaces.MultiDiscrete([2, 3]), [[1, 0], [0, 2]], [[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]]),
        (spaces.MultiBinary(2), [[1, 0], [0, 1]], [[1, 0], [0, 1]]),
    ],
)
def test_numbered_states_are_read_as_ones_and_zeros(space, seen, read):
    policy = Mlp((5,)).build(space, spaces.Discrete(3))
    as_vector = Mlp((5,)).build(spaces.Box(0, 1, (len(read[0]),)), spaces.Discrete(3))
    parameters = initial(policy)
    assert torch.equal(parameters, initial(as_vector))
    action = torch.zeros(2, 2, dtype=torch.int64)
    outputs = [
        built.outputs(parameters, PolicyInput(torch.tensor([numbers] * 2).float(), action))
        for built, numbers in ((policy, seen), (as_vector, read))
    ]
    assert torch.equal(outputs[0].inputs, outputs[1].inputs)
    assert torch.equal(outputs[0].value, outputs[1].value)
    acted = policy.actor(parameters)(np.array([seen] * 2, np.float32), NONE.numpy()).inputs
    torch.testing.assert_close(torch.from_numpy(acted), outputs[0].inputs)


@pytest.mark.parametrize(
    ("settings", "actions", "sentence"),
    [
        ({"squash_output": True}, spaces.Discrete(2), r"Mlp\(squash_output=True\).*Discrete\(2\)"),
        ({"log_std_init": -1.0}, spaces.Discrete(2), r"Mlp\(log_std_init=-1.0\).*leave it out"),
        ({"log_std_init": np.nan}, BOX, r"Mlp\(log_std_init=nan\).*such as 0.0"),
        ({"squash_output": True}, spaces.Box(0, np.inf, (1,)), "is unbounded: bound it"),
    ],
)
def test_settings_of_continuous_actions_that_cannot_be_used_are_refused(
    settings, actions, sentence
):
    with pytest.raises(ValueError, match=sentence):
        built(Mlp(**settings), actions)


@pytest.mark.parametrize(
    ("observations", "actions", "sentence"),
    [
        (spaces.Dict(a=SEEN), spaces.Discrete(2), r"reads vectors .* observes Dict\('a'"),
        (SEEN, spaces.MultiDiscrete([[2], [2]]), r"the world's are MultiDiscrete"),
        (SEEN, spaces.Box(-1, 1, (2, 2), np.float32), r"a Box of one dimension"),
    ],
)
def test_spaces_that_it_cannot_serve_are_refused(observations, actions, sentence):
    with pytest.raises(ValueError, match=sentence):
        Mlp().build(observations, actions)


@pytest.mark.parametrize("hidden", [(0,), (64, -1), (6.5,)])
def test_impossible_widths_are_refused(hidden):
    with pytest.raises(ValueError, match="widths of the layers, each at least 1"):
        Mlp(hidden)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"'swish'.*choose one of tanh, relu, elu, silu, gelu"):
        Mlp(activation="swish")
