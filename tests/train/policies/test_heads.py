import numpy as np
import pytest
import torch
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Independent, Normal

from segue.train.policies.heads import Categorical, Gaussian

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
    noise = np.empty((draws, head.size), np.float32)
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
