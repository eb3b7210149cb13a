"""What holds for the members of a pack, whatever the policy is."""

import numpy as np
import torch
from torch import Tensor

from segue.train.data.batch import PolicyInput, Sequences
from segue.train.policies import ActorCritic

K = 3
"""Number of members."""


def parameters(policy: ActorCritic, noise: float = 0.1) -> Tensor:
    """Initial parameters of K members, with noise so that none are zero."""
    drawn = [policy.initial(np.random.default_rng(seed)) for seed in range(K)]
    normal = torch.randn(K, policy.parameters, generator=torch.Generator().manual_seed(0))
    return torch.stack(drawn) + noise * normal


def assert_members_are_as_alone(policy: ActorCritic, rows: Tensor, seen: PolicyInput) -> None:
    """Values and gradients of a member are the same bit for bit whatever its neighbours."""

    def learned(members: list[int]) -> tuple[Tensor, Tensor]:
        leaf = rows[members].clone().requires_grad_()
        sequences = seen.sequences and Sequences(*(part[members] for part in seen.sequences))
        outputs = policy.outputs(
            leaf, PolicyInput(seen.observation[members], seen.action[members], sequences)
        )
        loss = outputs.log_prob.mean(1) + outputs.value.square().mean(1) + outputs.entropy.mean(1)
        return outputs.value.detach(), torch.autograd.grad(loss.sum(), leaf)[0]

    together = learned([*range(K)])
    for k in range(K):
        for alone, all_of_them in zip(learned([k]), together, strict=True):
            assert torch.equal(alone[0], all_of_them[k])
