"""ADVISOR, soft targets and losses for one member against their formulas in plain code."""

from dataclasses import dataclass

import pytest
import torch
from torch.distributions import Categorical

from segue.train import PPO, Advisor, Imitation, MemberLoss, Network, check_trial
from segue.train.policies.heads import Categorical as Head
from segue.train.policies.outputs import Outputs
from segue.worlds import world_spec
from tests.train.support.example_members import SEEDS
from tests.train.support.given import given_batch
from tests.train.support.pipelines import advanced, pipeline, stage, trainer

K = 3
B = 40
A = 4


def drawn():
    """A batch whose expert knows what to do in most samples, and outputs with two actors."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    logits = normal(K, B, A).requires_grad_()
    auxiliary = normal(K, B, A).requires_grad_()
    value = normal(K, B).requires_grad_()
    action = torch.randint(A, (K, B), generator=generator)
    batch = given_batch(
        value.detach(),
        log_prob=Categorical(logits=logits.detach() + 0.3 * normal(K, B, A)).log_prob(action),
        advantage=normal(K, B),
        value_target=normal(K, B),
        value=value.detach() + 0.3 * normal(K, B),
        normalized_advantage=normal(K, B),
        expert_action=torch.randint(A, (K, B), generator=generator),
        expert_available=(torch.rand(K, B, generator=generator) < 0.8).float(),
        expert_policy=torch.softmax(normal(K, B, A), -1),
    )
    outputs = Outputs(Head(A), logits, torch.zeros(K, 1, 0), value, action, auxiliary)
    return batch, outputs


def hyperparameters(losses):
    rows = [loss.hyperparameters(0) for loss in losses]
    return {name: torch.tensor([[row[name]] for row in rows]) for name in rows[0]}


def plain_advisor(loss, batch, outputs, k):
    """Weihs et al., 2021: sample by sample, for one member."""
    main, auxiliary = (Categorical(logits=part[k]) for part in (outputs.inputs, outputs.auxiliary))
    expert = batch.expert_action[k]
    known = batch.expert_available[k]
    c = loss.clip_param
    weight = auxiliary.log_prob(expert).detach().exp() ** loss.alpha * known
    ratio = (main.log_prob(outputs.action[k]) - batch.log_prob[k]).exp()
    advantage = batch.normalized_advantage[k]
    surrogate = -torch.min(ratio * advantage, ratio.clamp(1 - c, 1 + c) * advantage)
    by_reward = ((1 - weight) * (surrogate - loss.entropy_coef * main.entropy())).mean()
    imitation = -(weight * main.log_prob(expert) * known).mean()
    cross_entropy = -(auxiliary.log_prob(expert) * known).sum() / known.sum()
    near = batch.value[k] + (outputs.value[k] - batch.value[k]).clamp(-c, c)
    errors = [(value - batch.value_target[k]) ** 2 for value in (outputs.value[k], near)]
    return (
        cross_entropy
        + imitation
        + by_reward
        + loss.value_loss_coef * 0.5 * torch.max(*errors).mean()
    )


def test_advisor_is_the_paper_s_in_value_and_gradient():
    losses = [
        Advisor(alpha=alpha, normalize_advantage="rollout", clip_param=0.1 + alpha / 50)
        for alpha in (0, 4, 8)
    ]
    batch, outputs = drawn()
    total, info = losses[0](batch, outputs, hyperparameters(losses))
    leaves = (outputs.inputs, outputs.auxiliary, outputs.value)
    gradients = torch.autograd.grad(total.sum(), leaves, retain_graph=True)
    for k, loss in enumerate(losses):
        expected = plain_advisor(loss, batch, outputs, k)
        torch.testing.assert_close(total[k], expected, rtol=1e-5, atol=1e-6)
        for mine, plainly in zip(gradients, torch.autograd.grad(expected, leaves), strict=True):
            torch.testing.assert_close(mine[k], plainly[k], rtol=1e-4, atol=1e-6)
    assert info["weight"][0] == pytest.approx(
        batch.expert_available[0].mean().item()
    )  # alpha 0: imitation alone


def test_soft_targets_are_the_cross_entropy_with_the_expert_s_policy():
    batch, outputs = drawn()
    loss, _ = Imitation(soft_targets=True)(batch, outputs, {})
    for k in range(K):
        log_policy = torch.log_softmax(outputs.inputs[k], -1)
        known = batch.expert_available[k]
        expected = -((batch.expert_policy[k] * log_policy).sum(-1) * known).sum() / known.sum()
        torch.testing.assert_close(loss[k], expected)


def test_soft_targets_of_an_expert_that_is_sure_are_its_actions():
    batch, outputs = drawn()
    sure = batch._replace(
        expert_policy=torch.nn.functional.one_hot(batch.expert_action.long(), A).float()
    )
    soft, hard = (Imitation(soft)(sure, outputs, {})[0] for soft in (True, False))
    torch.testing.assert_close(soft, hard)
    plans = [
        pipeline(stage("imitation"), losses={"imitation": Imitation(soft)})
        for soft in (True, False)
    ]
    one, two = (advanced(trainer(plan, seeds=SEEDS[:2])).parameters for plan in plans)
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@dataclass(frozen=True)
class PlainPPO(MemberLoss):
    """PPO as the paper has it, for one member."""

    clip_param: float = 0.2

    def hyperparameters(self, stage_steps):
        return {"clip": self.clip_param}

    def member_loss(self, batch, outputs, hyperparameters):
        advantage = (batch["advantage"] - batch["advantage"].mean()) / (
            batch["advantage"].std() + 1e-8
        )
        ratio = torch.exp(outputs["log_prob"] - batch["log_prob"])
        clipped = torch.clamp(ratio, 1 - hyperparameters["clip"], 1 + hyperparameters["clip"])
        action = -torch.minimum(ratio * advantage, clipped * advantage).mean()
        value = 0.5 * ((outputs["value"] - batch["value_target"]) ** 2).mean()
        entropy = outputs["entropy"].mean()
        return action + 0.5 * value - 0.01 * entropy, {"action": action, "value": value}


def test_a_loss_written_for_one_member_trains_a_pack_as_the_stacked_one_does():
    stacked = PPO(0.2, 0.5, 0.01, use_clipped_value_loss=False)
    one, two = (
        advanced(trainer(pipeline(losses={"ppo": loss}), seeds=SEEDS[:3])).parameters
        for loss in (stacked, PlainPPO())
    )
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)


def test_a_loss_written_for_one_member_has_numbers_of_each():
    plans = [pipeline(losses={"ppo": PlainPPO(clip)}) for clip in (0.05, 0.2, 0.4)]
    together = advanced(trainer(plans, seeds=SEEDS[:3])).parameters
    for k, plan in enumerate(plans):
        alone = advanced(trainer([plan], seeds=SEEDS[k : k + 1])).parameters
        assert torch.equal(alone[0], together[k])


def test_advisor_needs_a_second_actor():
    plan = pipeline(stage("advisor"), losses={"advisor": Advisor()})
    spec = world_spec("PoisonedDoors-v0")
    check_trial(plan, spec, 4, Network(auxiliary=True))
    with pytest.raises(
        ValueError, match=r"stage 0 trains a second actor.*Network\(auxiliary=True\)"
    ):
        check_trial(plan, spec, 4, Network())
    with pytest.raises(ValueError, match=r"Advisor\(alpha=-1\)"):
        Advisor(alpha=-1)


def test_a_memory_needs_a_lane_for_each_minibatch():
    plan = pipeline(stage(num_mini_batch=5))
    check_trial(plan, world_spec("CartPole-v1"), 4, Network())
    with pytest.raises(ValueError, match="divides 4 lanes into 5 minibatches"):
        check_trial(plan, world_spec("CartPole-v1"), 4, Network("gru"))
