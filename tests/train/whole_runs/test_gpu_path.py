"""What a GPU would compute, computed here: the lines that use torch on a GPU agree with numpy's on
a CPU.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from segue.train.data.batch import PolicyInput
from segue.train.policies import Mlp, mlp
from segue.train.policies.arrays import stacked


def policy(activation: Any, actions: spaces.Space[Any]) -> mlp.ActorCritic:
    return Mlp(hidden=(8, 8), activation=activation).build(spaces.Box(-1, 1, (3,)), actions)


@pytest.fixture
def with_torch(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def switch() -> None:
        for module in (stacked, mlp):
            monkeypatch.setattr(module, "as_native", Tensor.detach)

    return switch


@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
@pytest.mark.parametrize(
    "actions", [spaces.Discrete(3), spaces.Box(-1, 1, (2,))], ids=["discrete", "continuous"]
)
def test_outputs_and_gradients_agree(
    with_torch: Callable[[], None], activation: Any, actions: spaces.Space[Any]
) -> None:
    net = policy(activation, actions)
    generator = np.random.default_rng(0)
    parameters = torch.stack([net.initial(generator) for _ in range(4)]) + 0.1 * torch.randn(
        4, net.parameters
    )
    observation = torch.randn(4, 5, 3)
    action = torch.randint(3, (4, 5)) if net.head.action_shape == () else torch.randn(4, 5, 2)

    def answers() -> list[Tensor]:
        leaf = parameters.clone().requires_grad_()
        outputs = net.outputs(leaf, PolicyInput(observation, action))
        total = (
            outputs.log_prob.sum() + outputs.entropy.square().sum() + outputs.value.square().sum()
        )
        (gradient,) = torch.autograd.grad(total, leaf)
        none = torch.zeros(4, 5, 0)
        acted = stacked.as_tensor(
            net.actor(parameters)(stacked.as_native(observation), stacked.as_native(none)).inputs
        )
        said = [outputs.log_prob.detach(), outputs.entropy.detach(), outputs.value.detach()]
        return [*said, gradient, acted, net.values(parameters, observation, none)]

    with_numpy = answers()
    with_torch()
    assert isinstance(stacked.as_native(observation), Tensor)
    for one, other in zip(with_numpy, answers(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
