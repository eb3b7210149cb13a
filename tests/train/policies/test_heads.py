import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Independent, Normal

from segue.train.policies.heads import (
    Bernoulli,
    Categorical,
    Gaussian,
    MultiCategorical,
    Squashed,
    StateGaussian,
)

K = 2
B = 9


def normal(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def gradients(log_prob, entropy, *leaves):
    """Of a sum that weighs every log-probability and entropy differently."""
    total = (log_prob * normal(8, K, B)).sum() + (entropy * normal(9, K, B)).sum()
    return torch.autograd.grad(total, leaves)


@pytest.mark.parametrize("actions", [2, 3, 17])
def test_categorical_log_prob_entropy_and_gradient(actions):
    logits = (3 * normal(0, K, B, actions)).requires_grad_()
    action = torch.arange(K * B).reshape(K, B) % actions
    known = TorchCategorical(logits=logits)
    log_prob, entropy = Categorical(actions).log_prob_and_entropy(logits, torch.empty(0), action)
    torch.testing.assert_close(log_prob, known.log_prob(action))
    torch.testing.assert_close(entropy, known.entropy())
    torch.testing.assert_close(
        Categorical(actions).log_prob(logits, torch.empty(0), action), log_prob
    )
    mine = gradients(log_prob, entropy, logits)
    theirs = gradients(known.log_prob(action), known.entropy(), logits)
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("dimensions", [1, 3, 17])
def test_gaussian_log_prob_entropy_and_gradient(dimensions):
    mean = normal(0, K, B, dimensions).requires_grad_()
    log_std = (0.5 * normal(1, K, 1, dimensions)).requires_grad_()
    action = normal(2, K, B, dimensions)
    known = Independent(Normal(mean, log_std.exp().expand_as(mean)), 1)
    log_prob, entropy = Gaussian(dimensions).log_prob_and_entropy(mean, log_std, action)
    torch.testing.assert_close(log_prob, known.log_prob(action))
    torch.testing.assert_close(entropy, known.entropy())
    mine = gradients(log_prob, entropy, mean, log_std)
    torch.testing.assert_close(
        mine, gradients(known.log_prob(action), known.entropy(), mean, log_std)
    )


def test_logits_that_are_far_apart_stay_finite():
    logits = torch.tensor([[[1000.0, -1000.0], [0.0, 0.0]]], requires_grad=True)
    log_prob, entropy = Categorical(2).log_prob_and_entropy(
        logits, torch.empty(0), torch.tensor([[0, 1]])
    )
    assert log_prob.tolist() == [[0.0, pytest.approx(np.log(0.5))]]
    assert entropy.tolist() == [[0.0, pytest.approx(np.log(2))]]
    assert torch.isfinite(torch.autograd.grad(log_prob.sum() + entropy.sum(), logits)[0]).all()


def shaped_noise(head, draws, seed=0):
    noise = np.empty((draws, head.noise_size), np.float32)
    head.draw_noise(np.random.default_rng(seed), noise)
    return head.shape_noise(torch.from_numpy(noise)).numpy()


def test_categorical_samples_have_the_probabilities_of_the_logits():
    head = Categorical(4)
    draws = 100_000
    probabilities = np.array([0.5, 0.3, 0.19, 0.01])
    chosen = head.sample(
        np.log(probabilities, dtype=np.float32), np.empty(0), shaped_noise(head, draws)
    )
    frequencies = np.bincount(chosen, minlength=4) / draws
    assert np.abs(frequencies - probabilities).max() < 4 * np.sqrt(0.25 / draws)
    assert frequencies[3] == pytest.approx(0.01, rel=0.15)


def test_gumbel_noise_is_finite_at_the_ends_of_the_uniform_draw():
    ends = torch.tensor([0.0, np.nextafter(np.float32(1), np.float32(0)), 0.5])
    noise = Categorical(3).shape_noise(ends)
    assert torch.isfinite(noise).all()
    assert noise[2].item() == pytest.approx(-np.log(np.log(2)))


def test_gaussian_samples_have_the_mean_and_spread_of_the_parameters():
    head = Gaussian(2)
    draws = 100_000
    spread = head.spread(torch.tensor([0.0, -1.0])).numpy()
    drawn = head.sample(np.array([1.0, -2.0], np.float32), spread, shaped_noise(head, draws))
    np.testing.assert_allclose(drawn.mean(0), [1, -2], atol=0.02)
    np.testing.assert_allclose(drawn.std(0), np.exp([0.0, -1.0]), rtol=0.02)


def test_the_mode_is_the_most_likely_action():
    logits = normal(0, K, B, 5)
    assert torch.equal(Categorical(5).mode(logits), TorchCategorical(logits=logits).mode)
    assert torch.equal(Gaussian(5).mode(logits), logits)
    np.testing.assert_array_equal(Categorical(5).mode(logits.numpy()), logits.argmax(-1).numpy())


def test_actions_have_the_kind_that_worlds_take():
    assert (Categorical(3).action_shape, Categorical(3).action_dtype, Categorical(3).extra) == (
        (),
        torch.int64,
        0,
    )
    assert (Gaussian(3).action_shape, Gaussian(3).action_dtype, Gaussian(3).extra) == (
        (3,),
        torch.float32,
        3,
    )


def test_several_choices_are_independent_categoricals():
    sizes = (2, 3, 5)
    head = MultiCategorical(sizes)
    logits = (3 * normal(0, K, B, sum(sizes))).requires_grad_()
    action = torch.stack([torch.arange(K * B).reshape(K, B) % size for size in sizes], -1)
    known = [TorchCategorical(logits=part) for part in logits.split(sizes, -1)]
    expected = (
        sum(one.log_prob(action[..., i]) for i, one in enumerate(known)),
        sum(one.entropy() for one in known),
    )
    mine = head.log_prob_and_entropy(logits, torch.empty(0), action)
    torch.testing.assert_close(mine, expected)
    torch.testing.assert_close(gradients(*mine, logits), gradients(*expected, logits))
    torch.testing.assert_close(head.log_prob(logits, torch.empty(0), action), mine[0])
    mode = torch.stack([one.mode for one in known], -1)
    assert torch.equal(head.mode(logits), mode)
    np.testing.assert_array_equal(head.mode(logits.detach().numpy()), mode)
    assert (head.size, head.action_shape, head.action_dtype) == (10, (3,), torch.int64)


def test_bits_are_independent_bernoullis():
    head = Bernoulli(3)
    logits = (3 * normal(0, K, B, 3)).requires_grad_()
    action = torch.randint(2, (K, B, 3), generator=torch.Generator().manual_seed(0))
    known = Independent(TorchBernoulli(logits=logits), 1)
    expected = known.log_prob(action.double()), known.entropy()
    mine = head.log_prob_and_entropy(logits, torch.empty(0), action)
    torch.testing.assert_close(mine, expected)
    torch.testing.assert_close(gradients(*mine, logits), gradients(*expected, logits))
    assert torch.equal(head.mode(logits), (logits > 0).long())
    far = torch.tensor([[[1000.0, -1000.0, 0.0]]], requires_grad=True)
    log_prob, entropy = head.log_prob_and_entropy(far, torch.empty(0), torch.tensor([[[1, 0, 0]]]))
    assert log_prob.item() == pytest.approx(np.log(0.5))
    assert entropy.item() == pytest.approx(np.log(2))
    assert torch.isfinite(torch.autograd.grad(log_prob.sum() + entropy.sum(), far)[0]).all()


def test_samples_of_bits_and_choices_have_the_probabilities_of_the_logits():
    draws = 100_000
    probabilities = np.array([0.9, 0.5, 0.02])
    bits = Bernoulli(3)
    logits = np.log(probabilities / (1 - probabilities), dtype=np.float32)
    drawn = bits.sample(logits, np.empty(0), shaped_noise(bits, draws))
    np.testing.assert_allclose(drawn.mean(0), probabilities, atol=0.007)
    choices = MultiCategorical((2, 3))
    logits = np.log(np.array([0.8, 0.2, 0.1, 0.6, 0.3], np.float32))
    drawn = choices.sample(logits, np.empty(0), shaped_noise(choices, draws))
    np.testing.assert_allclose([(drawn[:, 0] == i).mean() for i in range(2)], [0.8, 0.2], atol=0.01)
    np.testing.assert_allclose(
        [(drawn[:, 1] == i).mean() for i in range(3)], [0.1, 0.6, 0.3], atol=0.01
    )


def test_standard_deviations_may_depend_on_the_state():
    head = StateGaussian(3, -0.5)
    inputs = normal(0, K, B, 6).requires_grad_()
    action = normal(1, K, B, 3)
    mean, log_std = inputs.split(3, -1)
    std = (log_std - 0.5).clamp(-20, 2).exp()
    known = Independent(Normal(mean, std), 1)
    expected = known.log_prob(action), known.entropy()
    mine = head.log_prob_and_entropy(inputs, torch.empty(0), action)
    torch.testing.assert_close(mine, expected)
    torch.testing.assert_close(gradients(*mine, inputs), gradients(*expected, inputs))
    drawn = head.sample(inputs.detach().numpy(), np.empty(0), np.ones((K, B, 3)))
    torch.testing.assert_close(torch.from_numpy(drawn), (mean + std).detach())
    assert (head.size, head.noise_size, head.extra) == (6, 3, 0)


SQUASHED = Squashed(Gaussian(2), (-1.0, -1.0), (1.0, 1.0))


@pytest.mark.parametrize("inner", [Gaussian(2), StateGaussian(2)])
def test_squashed_actions_lie_within_the_bounds(inner):
    head = Squashed(inner, (-2.0, 0.0), (2.0, 5.0))
    inputs = 3 * normal(0, K, B, head.size, dtype=torch.float32).numpy()
    noise = normal(1, K, B, 2, dtype=torch.float32).numpy()
    drawn = head.sample(inputs, np.ones(2, np.float32), noise)
    assert (drawn[..., 0] >= -2).all() and (drawn[..., 0] <= 2).all()
    assert (drawn[..., 1] >= 0).all() and (drawn[..., 1] <= 5).all()
    middle = head.mode(np.zeros((1, head.size), np.float32))
    np.testing.assert_allclose(middle, [[0, 2.5]])


def test_squashed_log_prob_is_that_of_the_transformed_density():
    mean = normal(0, K, B, 2).requires_grad_()
    log_std = (0.5 * normal(1, K, 1, 2)).requires_grad_()
    action = normal(2, K, B, 2).tanh()
    before = action.atanh()
    inner = Independent(Normal(mean, log_std.exp().expand_as(mean)), 1)
    expected = inner.log_prob(before) - (1 - action.square() + 1e-6).log().sum(-1)
    mine = SQUASHED.log_prob_and_entropy(mean, log_std, action)
    torch.testing.assert_close(mine[0], expected)
    torch.testing.assert_close(mine[1], -mine[0])
    torch.testing.assert_close(
        gradients(*mine, mean, log_std), gradients(expected, -expected, mean, log_std)
    )
    wide = Squashed(Gaussian(2), (-4.0, 0.0), (4.0, 1.0))
    scaled = action * torch.tensor([4.0, 0.5]) + torch.tensor([0.0, 0.5])
    torch.testing.assert_close(wide.log_prob(mean, log_std, scaled), expected)
    edge = torch.ones(K, B, 2, dtype=torch.float64)
    assert torch.isfinite(SQUASHED.log_prob(mean, log_std, edge)).all()


def test_numbers_are_those_of_stable_baselines3():
    sb3 = pytest.importorskip("stable_baselines3.common.distributions")
    logits = normal(0, B, 5, dtype=torch.float32)
    choices = torch.stack([torch.arange(B) % 2, torch.arange(B) % 3], -1)
    bits = torch.randint(2, (B, 5), generator=torch.Generator().manual_seed(1))
    mean = normal(2, B, 2, dtype=torch.float32)
    log_std = torch.tensor([-0.5, 0.2])
    action = (mean + 0.3).tanh()
    none = torch.empty(0)
    compared = [
        (
            sb3.MultiCategoricalDistribution([2, 3]).proba_distribution(logits),
            MultiCategorical((2, 3)).log_prob_and_entropy(logits[None], none, choices[None]),
            choices,
        ),
        (
            sb3.BernoulliDistribution(5).proba_distribution(logits),
            Bernoulli(5).log_prob_and_entropy(logits[None], none, bits[None]),
            bits.float(),
        ),
        (
            sb3.SquashedDiagGaussianDistribution(2).proba_distribution(mean, log_std),
            SQUASHED.log_prob_and_entropy(mean[None], log_std[None, None], action[None]),
            action,
        ),
    ]
    for known, (log_prob, entropy), taken in compared:
        torch.testing.assert_close(log_prob[0], known.log_prob(taken), rtol=1e-5, atol=1e-5)
        expected = known.entropy()
        estimated = -known.log_prob(taken) if expected is None else expected
        torch.testing.assert_close(entropy[0], estimated, rtol=1e-5, atol=1e-5)
