"""Modules of one's own: the same as alone, resumed, learning, and refused where they cannot be
trained.
"""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn
from torch.func import functional_call

from segue.train import Module
from segue.train.policies.with_weights import WithWeights
from tests.train.support.example_members import SEEDS
from tests.train.support.pipelines import ROLLOUT, advanced, pipeline, stage, trainer
from tests.train.support.same import assert_same_state


class Two(nn.Module):
    """Two perceptrons."""

    def __init__(self, observation_space, action_space):
        super().__init__()
        size = int(np.prod(observation_space.shape))
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(size, 16), nn.Tanh())
        self.actor = nn.Linear(16, getattr(action_space, "n", None) or action_space.shape[0])
        self.critic = nn.Linear(16, 1)

    def forward(self, observation):
        hidden = self.trunk(observation)
        return self.actor(hidden), self.critic(hidden)[..., 0]


class Remembers(Two):
    """With a plain recurrent layer."""

    memory = 16

    def __init__(self, observation_space, action_space):
        super().__init__(observation_space, action_space)
        self.cell = nn.Linear(32, 16)

    def forward(self, observation, memory):
        after = torch.tanh(self.cell(torch.cat([self.trunk(observation), memory], -1)))
        return self.actor(after), self.critic(after)[..., 0], after


class Convolves(Two):
    """A convolution over images."""

    def __init__(self, observation_space, action_space):
        super().__init__(spaces.Box(0, 1, (8 * 5 * 5,)), action_space)
        self.convolution = nn.Conv2d(3, 8, 3)

    def forward(self, observation):
        return super().forward(torch.relu(self.convolution(observation.permute(0, 3, 1, 2))))


CASES = [
    (Two, "CartPole-v1"),
    (Remembers, "CartPole-v1"),
    (Convolves, "MiniGrid-Empty-5x5-v0"),
    (Two, "Pendulum-v1"),
]


def plans(count=3):
    return [
        pipeline(stage(steps=(2 + i) * ROLLOUT), adam={"lr": 1e-3 * (1 + i)}) for i in range(count)
    ]


@pytest.mark.parametrize(("make", "world"), CASES)
def test_a_member_is_the_same_bit_for_bit_whatever_its_neighbours(make, world):
    together = advanced(trainer(plans(), world, SEEDS[:3], policy=Module(make)))
    assert len(together.parameters.unique(dim=0)) == 3
    for k, plan in enumerate(plans()):
        alone = advanced(trainer([plan], world, SEEDS[k : k + 1], policy=Module(make)))
        assert torch.equal(alone.parameters[0], together.parameters[k])


@pytest.mark.parametrize(("make", "world"), CASES)
def test_together_they_come_to_the_same_up_to_rounding(make, world):
    first = [
        trainer(plans(), world, SEEDS[:3], policy=Module(make, together))
        for together in (True, False)
    ]
    for made in first:
        made.advance()
    torch.testing.assert_close(first[0].parameters, first[1].parameters, rtol=1e-3, atol=1e-4)


def test_it_resumes_bit_for_bit():
    whole, resumed = (trainer(plans(), seeds=SEEDS[:3], policy=Module(Remembers)) for _ in range(2))
    advanced(whole, 2)
    resumed.load_state_dict(whole.state_dict())
    assert_same_state(advanced(resumed).state_dict(), advanced(whole).state_dict())


def test_weights_are_the_module_s_own_and_torch_s_generator_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    made = trainer(plans(), seeds=SEEDS[:3], policy=Module(Two))
    assert torch.equal(torch.rand(1), expected)
    policy = made.groups[0].pack.policy
    row = policy._flat.unpack(made.parameters)["trunk.1.weight"][0]
    assert row.abs().max() <= 0.5 and row.std() > 0.1  # uniform in +-1/sqrt(4)


def test_a_memory_is_carried_and_forgotten_where_an_episode_begins():
    """What acting gives step by step is what learning sees of whole sequences."""
    plan = pipeline(
        stage(steps=10 * ROLLOUT), metric_accumulate_interval=ROLLOUT, adam={"lr": 1e-9}
    )
    made = trainer(plan, seeds=[0], policy=Module(Remembers))
    made.advance()
    rollout = made.groups[0].pack.rollout
    assert rollout.memory.shape == (1, 4, 16) and np.abs(rollout.last_memory).max() > 0
    (logged,) = made.advance().logged
    assert logged.losses["ppo"]["ratio"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.slow
def test_it_learns():
    settings = {"num_mini_batch": 4, "update_repeats": 4, "num_steps": 128}
    made = trainer(
        pipeline(stage(steps=40_000), adam={"lr": 2e-3}, **settings),
        seeds=[0, 1],
        lanes=8,
        policy=Module(Two),
    )
    returns = [
        one.metrics["return"]
        for one in (entry for _ in range(39) for entry in made.advance().logged)
    ]
    assert np.mean(returns[-6:]) > 3 * np.mean(returns[:6])


def test_dictionaries_come_as_dictionaries():
    seen = []

    class Reads(Two):
        def __init__(self, observation_space, action_space):
            super().__init__(spaces.Box(0, 1, (4,)), action_space)

        def forward(self, observation):
            seen.append(
                {name: (value.shape[1:], value.dtype) for name, value in observation.items()}
            )
            return super().forward(observation["vector"])

    space = spaces.Dict(
        number=spaces.Discrete(5),
        vector=spaces.Box(-1, 1, (4,)),
        words=spaces.MultiDiscrete([9] * 3),
    )
    Module(Reads).build(space, spaces.Discrete(2))
    assert seen[0] == {
        "number": ((), torch.int64),
        "vector": ((4,), torch.float32),
        "words": ((3,), torch.int64),
    }


class Wrong(Two):
    def forward(self, observation):
        return super().forward(observation)[::-1]


class Dropping(Two):
    def __init__(self, *spaces):
        super().__init__(*spaces)
        self.drop = nn.Dropout(0.1)


@pytest.mark.parametrize(
    ("make", "observations", "sentence"),
    [
        (Wrong, 4, r"returns the shapes \[\(2,\), \(2, 3\), \(2, 0\)\]"),
        (Dropping, 4, "has Dropout as 'drop', which is random"),
        (
            lambda *spaces: nn.Linear(5, 3),
            4,
            "The module Linear cannot read an observation of this world",
        ),
    ],
)
def test_modules_that_cannot_be_trained_are_refused(make, observations, sentence):
    with pytest.raises(ValueError, match=sentence):
        Module(make).build(spaces.Box(-1, 1, (observations,)), spaces.Discrete(3))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight

    def forward(self, observation):
        return self.second(torch.tanh(self.first(observation)))


def test_a_module_with_other_weights_is_that_of_torch_and_has_its_own_again_afterwards():
    module = Tied()
    own = dict(module.named_parameters())
    weights = {name: torch.randn_like(value, requires_grad=True) for name, value in own.items()}
    seen = torch.randn(5, 3)
    result = WithWeights(module)(weights, seen)
    expected = functional_call(module, weights, (seen,))
    assert torch.equal(result, expected)
    wanted = torch.autograd.grad(expected.sum(), list(weights.values()))
    for found, gradient in zip(
        torch.autograd.grad(result.sum(), list(weights.values())), wanted, strict=True
    ):
        assert torch.equal(found, gradient)
    with pytest.raises(RuntimeError):
        WithWeights(module)(weights, seen[:, :2])
    assert all(value is own[name] for name, value in module.named_parameters())
    assert module.second.weight is module.first.weight
