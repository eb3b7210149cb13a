import numpy as np
import pytest
import torch
from gymnasium import spaces

from segue.train.data.batch import PolicyInput
from segue.train.policies import Mlp
from segue.train.policies.heads import Categorical, Gaussian
from segue.train.policies.initial import orthogonal
from tests.train.support.pipelines import advanced, pipeline, trainer
from tests.train.support.plain import sequential
from tests.worlds.probes import GaussianTarget

NONE = torch.zeros(2, 6, 0)
SEEN = spaces.Box(-np.inf, np.inf, (4,), np.float32)


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
@pytest.mark.parametrize("activation", ["tanh", "relu"])
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
    assert built(actions=spaces.Box(-1, 1, (2,), np.float32)).head == Gaussian(2)


@pytest.mark.parametrize(
    ("observations", "actions", "sentence"),
    [
        (spaces.Discrete(4), spaces.Discrete(2), r"reads vectors .* observes Discrete\(4\)"),
        (SEEN, spaces.MultiDiscrete([2, 2]), r"the world's are MultiDiscrete"),
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
    with pytest.raises(ValueError, match=r"'gelu'.*choose one of tanh, relu"):
        Mlp(activation="gelu")
