"""Whole updates of the trainer against the same algorithm in plain torch, fed with the same random
numbers.
"""

import pytest
import torch

from segue.train import A2C, PPO, Mlp
from segue.worlds.array import cartpole
from tests.train.support.pipelines import pipeline, stage, trainer
from tests.train.support.reference import PlainMember

UPDATES = 5
ADAM = {"lr": 2e-3, "eps": 1e-5}
VARIANTS = {
    "ppo": {"losses": {"ppo": PPO(clip_param=0.2)}, "num_mini_batch": 4, "update_repeats": 4},
    "ppo, neither clipped nor normalised": {
        "losses": {
            "ppo": PPO(0.1, 1.0, 0.05, use_clipped_value_loss=False, normalize_advantage=False)
        },
        "num_mini_batch": 3,
        "update_repeats": 2,
        "max_grad_norm": 0.1,
    },
    "ppo on plain returns": {"losses": {"ppo": PPO()}, "use_gae": False, "gamma": 0.9},
    "a2c": {"losses": {"ppo": A2C()}, "num_mini_batch": 1, "update_repeats": 1},
}


def assert_same_parameters(changes, lanes, policy):
    made = pipeline(stage(steps=10**6), adam=ADAM, **changes)
    mine = trainer(made, seeds=[3], lanes=lanes, policy=policy)
    plain = PlainMember(made, "CartPole-v1", 3, lanes, policy)
    begun = mine.parameters[0].clone()
    for _ in range(UPDATES):
        mine.advance()
        plain.iterate()
    assert (mine.parameters[0] - begun).abs().max() > 1e-3, "nothing was learned"
    torch.testing.assert_close(mine.parameters[0], plain.parameters, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_whole_updates_are_those_of_plain_torch(variant):
    assert_same_parameters(VARIANTS[variant] | {"num_steps": 32}, lanes=8, policy=None)


@pytest.mark.parametrize("variant", VARIANTS)
def test_also_in_odd_shapes_and_with_episodes_cut_by_a_limit(variant, monkeypatch):
    monkeypatch.setattr(cartpole, "MAX_EPISODE_STEPS", 9)
    assert_same_parameters(
        VARIANTS[variant] | {"num_steps": 13}, lanes=3, policy=Mlp((17,), "relu")
    )
