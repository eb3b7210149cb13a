"""Every probe world is learned, by several members at once; each can fail for one reason only."""

import numpy as np
import pytest
import torch

from segue.plan.sweeps.evaluation import Evaluation
from segue.train import A2C, PPO, Mlp, Network, TrialSpec, member_seeds, run_trial
from segue.train.policies.encoders import Picture
from tests.train.support.pipelines import advanced, pipeline, stage, trainer
from tests.worlds import probes

SEEDS = (0, 1, 2)
NO_MEMORY = torch.zeros(3, 1, 0)
GAMMA = 0.9
ALGORITHMS = {
    "ppo": {"losses": {"ppo": PPO(clip_param=0.2)}, "num_mini_batch": 2, "update_repeats": 4},
    "a2c": {"losses": {"ppo": A2C()}, "num_mini_batch": 1, "update_repeats": 1},
}

ROLLOUTS = {"ppo": 40, "a2c": 100}


def learned(world, algorithm="ppo", rollouts=None, lr=1e-2, policy=None, **changes):
    """A trainer at the end of so many rollouts of 8 lanes x 16 steps."""
    settings = {"gamma": GAMMA, "adam": {"lr": lr}} | ALGORITHMS[algorithm] | changes
    rollouts = rollouts or ROLLOUTS[algorithm]
    made = pipeline(stage(steps=rollouts * 8 * 16), num_steps=16, **settings)
    return advanced(trainer(made, world, SEEDS, lanes=8, policy=policy or Mlp((16,))))


def values(made, *seen):
    """The critics' values `[K, B]` of these observations."""
    observation = torch.tensor(seen, dtype=torch.float32)[None, :, None].expand(len(SEEDS), -1, -1)
    return (
        made.groups[0]
        .pack.policy.values(made.parameters, observation.contiguous(), NO_MEMORY)
        .numpy()
    )


def outputs(made, *seen):
    """The actors' outputs `[K, B, A]`: logits or means."""
    observation = np.tile(np.array(seen, np.float32)[None, :, None], (len(SEEDS), 1, 1))
    return made.groups[0].pack.policy.actor(made.parameters)(observation, NO_MEMORY).inputs


def probabilities(made, *seen):
    """Of action 1, `[K, B]`."""
    return torch.softmax(torch.from_numpy(outputs(made, *seen)), -1)[..., 1].numpy()


def assert_close(found, expected, tolerance=0.1):
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=tolerance)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_constant_reward_is_the_value(algorithm):
    assert_close(values(learned(probes.ConstantReward, algorithm), 0.0), 1.0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_reward_that_is_observed_is_the_value(algorithm):
    assert_close(values(learned(probes.ObservationReward, algorithm), -1.0, 1.0), [-1.0, 1.0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_delayed_reward_is_discounted_once(algorithm):
    assert_close(
        values(learned(probes.DelayedReward, algorithm), 0.0, 1.0), [GAMMA, 1.0], tolerance=0.05
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_better_action_is_found(algorithm):
    assert (probabilities(learned(probes.ActionReward, algorithm), 0.0) > 0.9).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_observation_determines_the_better_action(algorithm):
    found = probabilities(learned(probes.ContextualAction, algorithm), -1.0, 1.0)
    assert (found[:, 0] < 0.1).all() and (found[:, 1] > 0.9).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_gaussian_s_means_find_their_targets_and_its_spread_shrinks(algorithm):
    made = learned(probes.GaussianTarget, algorithm, rollouts=2 * ROLLOUTS[algorithm])
    assert_close(outputs(made, -1.0, 1.0)[..., 0], [-0.5, 0.5], tolerance=0.15)
    assert (made.groups[0].pack.policy.extra(made.parameters).exp() < 0.7).all()


SMALL = Picture(7, 8, 2, features=16, convolutions=((4, 3, 2),))


@pytest.mark.parametrize(
    ("world", "policy", "most"),
    [
        (probes.Choices, Mlp((16,)), 3),
        (probes.Bits, Mlp((16,), "silu"), 3),
        (probes.BoundedTarget, Mlp((16,), squash_output=True, log_std_init=-0.5), 0),
        (probes.Numbered, Network(hidden=(16, 16), activation="elu"), 1),
        (probes.Numbered, Mlp((16,), "gelu"), 1),
        (probes.Painted, Network(hidden=16, encoders={"": SMALL}), 1),
    ],
    ids=["choices", "bits", "bounded", "embedded states", "one-hot states", "pictures"],
)
def test_the_best_actions_are_found(world, policy, most):
    made = learned(world, rollouts=40, policy=policy)
    assert (np.array(made.evaluate()["return"]) > most - 0.05).all()


@pytest.mark.parametrize("use_gae", [True, False])
def test_a_truncation_is_not_a_termination(use_gae):
    made = learned(probes.TruncatedForever, rollouts=60, use_gae=use_gae, gamma=0.75)
    assert_close(values(made, 0.0), 1 / (1 - 0.75), tolerance=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("world", ["CartPole-v1", "gym/CartPole-v1"])
def test_cartpole_is_solved_on_two_seeds(world, tmp_path):
    plan = pipeline(
        stage(steps=160_000),
        losses={"ppo": PPO(clip_param=0.2, entropy_coef=0.0)},
        adam={"lr": 1e-3, "eps": 1e-5},
        num_mini_batch=4,
        update_repeats=4,
        num_steps=128,
        gamma=0.98,
        gae_lambda=0.95,
        metric_accumulate_interval=10_000,
    )
    how = Evaluation(every=20_000, episodes=20)
    rows = []
    spec = TrialSpec(plan, world, member_seeds(0, 2), how)
    run_trial(spec, tmp_path, report=rows.append)
    assert max(min(row["metric_per_seed"]) for row in rows) >= 475
