"""PPO and A2C against the papers' formulas, written plainly for one member and left to autograd in
64 bits.
"""

from types import SimpleNamespace

import pytest
import torch

from segue.plan.pipelines.schedules import LinearDecay
from segue.train.losses import A2C, PPO
from tests.train.support.given import Given, given_batch
from tests.train.support.reference import plain_a2c, plain_ppo

K = 3
B = 64


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def minibatch(seed=0, spread=0.4):
    """A batch and outputs whose ratios and values lie on both sides of every clip range, for either
    sign.
    """
    log_prob = normal(seed, K, B) - 1
    value = normal(seed + 1, K, B)
    batch = given_batch(
        value,
        log_prob=log_prob + spread * normal(seed + 2, K, B),
        advantage=2 * normal(seed + 3, K, B) + 1,
        value_target=normal(seed + 4, K, B),
        value=value + spread * normal(seed + 5, K, B),
    )
    entropy = normal(seed + 6, K, B).abs()
    return batch, Given(*(tensor.clone().requires_grad_() for tensor in (log_prob, entropy, value)))


def stacked(losses, stage_steps=0):
    """The hyperparameters of K members, `[K, 1]` each."""
    rows = [loss.hyperparameters(stage_steps) for loss in losses]
    return {name: torch.tensor([[row[name]] for row in rows]) for name in rows[0]}


def of_member(batch, outputs, k):
    """One member's tensors in 64 bits, its outputs as leaves of autograd."""
    own = [tensor[k].detach().double().requires_grad_() for tensor in outputs[:3]]
    fields = {
        name: getattr(batch, name)[k].double()
        for name in ("log_prob", "advantage", "value_target", "value")
    }
    return SimpleNamespace(**fields), Given(*own)


def assert_agrees(losses, plain):
    batch, outputs = minibatch()
    total, _ = losses[0](batch, outputs, stacked(losses))
    gradients = torch.autograd.grad((total * torch.tensor([1.0, 0.5, 2.0])).sum(), outputs[:3])
    for k, (loss, weight) in enumerate(zip(losses, (1.0, 0.5, 2.0), strict=True)):
        own_batch, own = of_member(batch, outputs, k)
        expected = plain(loss, own_batch, own)
        torch.testing.assert_close(total[k].double(), expected, rtol=1e-5, atol=1e-6)
        for mine, plainly in zip(
            gradients, torch.autograd.grad(weight * expected, own[:3]), strict=True
        ):
            torch.testing.assert_close(mine[k].double(), plainly, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("clipped_value", [True, False])
def test_ppo_is_the_paper_s_in_value_and_gradient(clipped_value, normalize):
    switches = {"use_clipped_value_loss": clipped_value, "normalize_advantage": normalize}
    losses = [
        PPO(clip_param=0.1, **switches),
        PPO(clip_param=0.3, value_loss_coef=1.0, entropy_coef=0.0, **switches),
        PPO(clip_param=0.02, value_loss_coef=0.0, entropy_coef=0.5, **switches),
    ]
    assert_agrees(losses, plain_ppo)


def test_a2c_is_the_paper_s_in_value_and_gradient():
    assert_agrees(
        [A2C(), A2C(value_loss_coef=1.0, entropy_coef=0.0), A2C(entropy_coef=0.3)], plain_a2c
    )


@pytest.mark.parametrize(
    ("ratio", "advantage", "gradient"),
    [
        (1.1, 2.0, -2.2),  # within the range: -A * r
        (1.1, -2.0, 2.2),
        (1.5, 2.0, 0.0),  # already better than the range allows: nothing to gain
        (0.5, -2.0, 0.0),
        (0.5, 2.0, -1.0),  # worse: the way back is always open
        (1.5, -2.0, 3.0),
    ],
)
def test_the_clipped_surrogate_stops_only_where_it_would_gain(ratio, advantage, gradient):
    loss = PPO(clip_param=0.2, value_loss_coef=0, entropy_coef=0, normalize_advantage=False)
    zero = torch.zeros(1, 1)
    log_prob = torch.tensor([[ratio]]).log().requires_grad_()
    batch = given_batch(zero, advantage=torch.tensor([[advantage]]))
    total, info = loss(batch, Given(log_prob, zero, zero), stacked([loss]))
    assert torch.autograd.grad(total.sum(), log_prob)[0].item() == pytest.approx(gradient, rel=1e-5)
    assert info["ratio"].item() == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("value", "old", "target", "expected", "gradient"),
    [
        (0.1, 0.0, 1.0, 0.405, -0.9),  # within the range: half of 0.9 squared
        (
            0.5,
            0.0,
            1.0,
            0.32,
            0.0,
        ),  # moved too far towards the target: the clipped error counts, and stands still
        (-0.5, 0.0, 1.0, 1.125, -1.5),  # moved away: the plain error is the larger one
    ],
)
def test_the_clipped_value_loss_worked_by_hand(value, old, target, expected, gradient):
    loss = PPO(clip_param=0.2, value_loss_coef=1, entropy_coef=0, normalize_advantage=False)
    zero = torch.zeros(1, 1)
    moved = torch.tensor([[value]], requires_grad=True)
    batch = given_batch(zero, value_target=torch.tensor([[target]]), value=torch.tensor([[old]]))
    total, _ = loss(batch, Given(zero, zero, moved), stacked([loss]))
    assert total.item() == pytest.approx(expected)
    assert torch.autograd.grad(total.sum(), moved)[0].item() == pytest.approx(gradient)


def test_the_parts_that_are_logged_add_up():
    losses = [PPO(), PPO(value_loss_coef=1.0), PPO(entropy_coef=0.2)]
    hyperparameters = stacked(losses)
    total, info = losses[0](*minibatch(), hyperparameters)
    parts = info["action"] + hyperparameters["value_loss_coef"][:, 0] * info["value"]
    torch.testing.assert_close(
        parts - hyperparameters["entropy_coef"][:, 0] * info["entropy"], total
    )
    assert torch.equal(info["ppo_total"], total)


def test_the_clip_range_decays_with_the_steps_of_the_stage():
    loss = PPO(clip_param=0.2, clip_decay=LinearDecay(100, startp=1.0, endp=0.5))
    assert [loss.hyperparameters(steps)["clip"] for steps in (0, 50, 100, 1000)] == pytest.approx(
        [0.2, 0.15, 0.1, 0.1]
    )
    assert PPO(clip_param=0.2).hyperparameters(10**6)["clip"] == 0.2


def test_members_share_a_program_when_only_numbers_differ():
    assert PPO(0.1).structure == PPO(0.2, 1.0, 0.0).structure
    assert len({PPO().structure, PPO(normalize_advantage=False).structure, A2C().structure}) == 3
    assert PPO(use_clipped_value_loss=False).structure != PPO().structure


@pytest.mark.parametrize("number", [-0.1, float("nan"), float("inf"), "0.1", None, True])
@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (PPO, "clip_param"),
        (PPO, "value_loss_coef"),
        (PPO, "entropy_coef"),
        (A2C, "value_loss_coef"),
    ],
)
def test_impossible_numbers_are_refused(loss, name, number):
    with pytest.raises(ValueError, match=rf"{loss.__name__}\({name}=.*at least 0"):
        loss(**{name: number})


def test_a_clip_decay_that_is_not_a_function_is_refused():
    with pytest.raises(ValueError, match="clip_decay is a function of the step"):
        PPO(clip_decay=0.5)
