"""Diagnostics against the formulas of Stable-Baselines3, and against Stable-Baselines3 itself."""

import numpy as np
import pytest
import torch

from segue.plan.pipelines.progress import Progress
from segue.train import A2C, PPO, Imitation, MemberLoss, Mlp
from segue.train.members.stage_knobs import knobs_at
from segue.train.optimizers import OptimizerState
from segue.train.policies.heads import Categorical, Gaussian
from segue.train.policies.outputs import Outputs
from segue.train.updates.diagnostics import (
    UpdateDiagnostics,
    approximate_kl,
    explained_variance,
)
from segue.train.updates.experience import Experience
from segue.train.updates.update import Learner
from tests.train.support.given import given_batch
from tests.train.support.pipelines import ROLLOUT, pipeline, stage, trainer

K = 3
B = 40
LANES = 4
STEPS = 32
EPOCHS = 3
MINIBATCHES = 4


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_stable_baselines3(log_prob, old, clip, entropy, value, target):
    """The lines of `PPO.train` for one minibatch, in 64 bits."""
    log_ratio = (log_prob - old).double().numpy()
    ratio = np.exp(log_ratio)
    return {
        "approx_kl": np.mean((np.exp(log_ratio) - 1) - log_ratio),
        "entropy": entropy.double().mean().item(),
        "value_loss": torch.nn.functional.mse_loss(target.double(), value.double()).item(),
        "clip_fraction": np.mean((np.abs(ratio - 1) > clip).astype(float)),
    }


@pytest.mark.parametrize("head", [Categorical(4), Gaussian(2)], ids=["Categorical", "Gaussian"])
@pytest.mark.parametrize("is_computed", [True, False], ids=["by the loss", "afterwards"])
def test_each_minibatch_has_the_numbers_of_stable_baselines3(head, is_computed):
    clip = torch.tensor([[0.1], [0.2], [0.3]])
    diagnostics = UpdateDiagnostics(head, clip)
    expected = []
    for update in range(5):
        inputs = normal(update, K, B, head.size).requires_grad_()
        extra = normal(update + 10, K, 1, head.extra)
        action = (
            torch.arange(K * B).view(K, B) % 4
            if isinstance(head, Categorical)
            else normal(update + 20, K, B, 2)
        )
        value = normal(update + 30, K, B)
        outputs = Outputs(head, inputs, extra, value, action)
        log_prob, entropy = head.log_prob_and_entropy(inputs.detach(), extra, action)
        batch = given_batch(
            value,
            log_prob=log_prob + 0.2 * normal(update + 40, K, B),
            value_target=normal(update + 50, K, B),
        )
        if is_computed:
            _ = outputs.log_prob
        diagnostics.add(batch, outputs)
        expected.append(
            [
                by_stable_baselines3(
                    log_prob[k],
                    batch.log_prob[k],
                    clip[k].item(),
                    entropy[k],
                    value[k],
                    batch.value_target[k],
                )
                for k in range(K)
            ]
        )
        extra.zero_()  # as an update changes the parameters, in place
    numbers = diagnostics.result()
    for update, members in enumerate(expected):
        for k, member in enumerate(members):
            found = dict(zip(diagnostics.names, numbers[:, update, k].tolist(), strict=True))
            assert found == pytest.approx(member, rel=1e-3, abs=1e-6)


def test_the_divergence_and_the_explained_variance_worked_by_hand():
    assert approximate_kl(torch.tensor([[0.0, 0.0], [np.log(2), -np.log(2)]])).tolist() == (
        pytest.approx([0.0, ((2 - 1 - np.log(2)) + (0.5 - 1 + np.log(2))) / 2])
    )
    target = torch.tensor([[1.0, 3.0], [1.0, 3.0], [1.0, 3.0], [2.0, 2.0]])
    value = torch.tensor([[1.0, 3.0], [5.0, 5.0], [3.0, 1.0], [0.0, 1.0]])
    explained = explained_variance(value, target).tolist()
    assert explained[:3] == [1.0, 0.0, -3.0]
    assert np.isnan(explained[3])


@pytest.mark.parametrize("target_kl", [None, 1e-4], ids=["all epochs", "target_kl"])
@pytest.mark.parametrize("world", ["CartPole-v1", "Pendulum-v1"])
def test_an_update_is_that_of_stable_baselines3(world, target_kl):
    """The same rollout, weights and minibatches: the same diagnostics, updates and weights."""
    theirs = rolled_out(world, target_kl)
    policy = Mlp((8, 8)).build(theirs.observation_space, theirs.action_space)
    parameters = weights_of(theirs, policy)
    np.random.seed(1)
    theirs.train()
    logged = theirs.logger.name_to_value
    loss = PPO(
        clip_param=0.03,
        value_loss_coef=1.0,
        entropy_coef=0.01,
        use_clipped_value_loss=False,
        target_kl=target_kl,
    )
    plan = pipeline(
        losses={"ppo": loss},
        adam={"lr": 3e-3, "eps": 1e-5},
        num_steps=STEPS,
        num_mini_batch=MINIBATCHES,
        update_repeats=EPOCHS,
    )
    knobs = knobs_at(plan, Progress(), LANES)
    learner = Learner(
        policy, parameters, OptimizerState.zeros(knobs.optimizer, parameters), 1, [True]
    )
    np.random.seed(1)
    (learned,) = learner.from_rollout(experience_of(theirs), [knobs], [np.random])
    expected = {
        "approx_kl": logged["train/approx_kl"],
        "clip_fraction": logged["train/clip_fraction"],
        "entropy": -logged["train/entropy_loss"],
        "value_loss": logged["train/value_loss"],
        "policy_loss": logged["train/policy_gradient_loss"],
        "explained_variance": logged["train/explained_variance"],
    }
    assert learned.diagnostics.pop("grad_norm") > 0
    assert learned.diagnostics == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert learned.diagnostics["clip_fraction"] > 0
    steps = {int(state["step"]) for state in theirs.policy.optimizer.state.values()}
    assert steps == {learner.optimizer.updates[0]}
    assert (steps == {EPOCHS * MINIBATCHES}) == (target_kl is None)
    torch.testing.assert_close(parameters, weights_of(theirs, policy), rtol=1e-3, atol=1e-4)


def rolled_out(world, target_kl):
    """A PPO of Stable-Baselines3 with a rollout from which it has not learned."""
    sb3 = pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.env_util import make_vec_env

    model = sb3.PPO(
        "MlpPolicy",
        make_vec_env(world, LANES, seed=0),
        n_steps=STEPS,
        batch_size=LANES * STEPS // MINIBATCHES,
        n_epochs=EPOCHS,
        learning_rate=3e-3,
        clip_range=0.03,
        ent_coef=0.01,
        policy_kwargs={"net_arch": [8, 8]},
        target_kl=target_kl,
        seed=0,
        device="cpu",
    )
    _, callback = model._setup_learn(LANES * STEPS)
    model.collect_rollouts(model.env, callback, model.rollout_buffer, STEPS)
    return model


def weights_of(model, policy):
    """The weights of a Stable-Baselines3 policy as parameters `[1, P]` of ours."""
    own = model.policy
    parameters = torch.zeros(1, policy.parameters)
    nets = (
        (own.mlp_extractor.policy_net, own.action_net),
        (own.mlp_extractor.value_net, own.value_net),
    )
    for row, (hidden, last) in enumerate(nets):
        views = policy.layers.views(parameters.view(-1, policy.row)[row::2])
        linears = [layer for layer in hidden if isinstance(layer, torch.nn.Linear)]
        for (weight, bias), linear in zip(views, [*linears, last], strict=True):
            outputs = linear.out_features
            weight[0, :, :outputs] = linear.weight.detach().T
            bias[0, 0, :outputs] = linear.bias.detach()
    if policy.head.extra:
        policy.extra(parameters)[:] = own.log_std.detach()
    return parameters


def experience_of(model):
    """The rollout of Stable-Baselines3, whose buffer has been flattened, as one member's."""
    buffer = model.rollout_buffer
    names = ("log_probs", "advantages", "returns", "values", "advantages")
    scalars = torch.stack([torch.tensor(getattr(buffer, name)).flatten() for name in names])
    actions = torch.tensor(buffer.actions)
    if policy_is_discrete(model):
        actions = actions[:, 0].long()
    return Experience(torch.tensor(buffer.observations), actions, scalars, LANES * STEPS, LANES)


def policy_is_discrete(model):
    return hasattr(model.action_space, "n")


def intervals(*stages, losses, world="CartPole-v1", **changes):
    """The intervals of a trainer of two members, in order."""
    made = trainer(
        pipeline(*stages, losses=losses, metric_accumulate_interval=ROLLOUT, **changes),
        world,
        seeds=(0, 1),
    )
    found = []
    while not made.done:
        found += made.advance().logged
    return found


class Reinforce(MemberLoss):
    """A loss of a user, which names its policy loss."""

    policy_loss = "action"

    def hyperparameters(self, stage_steps):
        return {}

    def member_loss(self, batch, outputs, hyperparameters):
        action = -(outputs["log_prob"] * batch["advantage"]).mean()
        return action, {"action": action}


COMMON = {"approx_kl", "entropy", "value_loss", "explained_variance", "grad_norm"}


@pytest.mark.parametrize(
    ("loss", "further"),
    [
        (PPO(), {"policy_loss", "clip_fraction"}),
        (A2C(), {"policy_loss"}),
        (Reinforce(), {"policy_loss"}),
        (Imitation(), set()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_of_loss_has_the_same_names(loss, further):
    found = intervals(stage("anything"), losses={"anything": loss})
    assert {frozenset(one.diagnostics) for one in found} == {frozenset(COMMON | further)}


def test_a_second_stage_continues_the_curves_whatever_its_loss_is_called():
    found = intervals(stage("warm"), stage("main"), losses={"warm": PPO(), "main": PPO()})
    assert [one.stage for one in found] == [0, 0] * 3 + [1, 1] * 3
    assert {tuple(one.diagnostics) for one in found} == {tuple(found[0].diagnostics)}
    assert [set(one.losses) for one in found[::6]] == [{"warm"}, {"main"}]


def test_an_interval_has_the_numbers_of_its_last_rollout():
    def last(interval):
        made = trainer(pipeline(metric_accumulate_interval=interval))
        logged = [one for _ in range(3) for one in made.advance().logged]
        assert made.members[0].diagnosed == logged[-1].diagnostics
        return logged[-1]

    assert last(ROLLOUT).diagnostics == last(3 * ROLLOUT).diagnostics
    assert last(ROLLOUT).losses == last(3 * ROLLOUT).losses


@pytest.mark.parametrize("value", [0, -0.1, float("nan"), float("inf"), "0.01", True])
def test_a_target_kl_that_ends_nothing_is_refused(value):
    with pytest.raises(ValueError, match=r"PPO\(target_kl=.*: target_kl is a finite number above"):
        PPO(target_kl=value)
