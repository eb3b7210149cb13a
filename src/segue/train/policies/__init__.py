"""Policies: what a member acts with, stacked over the members of a pack."""

from segue.train.policies.choice import default_policy
from segue.train.policies.mlp import Mlp
from segue.train.policies.module import Module
from segue.train.policies.network import Network
from segue.train.policies.outputs import Outputs
from segue.train.policies.policy import ActorCritic, Policy, PolicyStep

__all__ = [
    "ActorCritic",
    "Mlp",
    "Module",
    "Network",
    "Outputs",
    "Policy",
    "PolicyStep",
    "default_policy",
]
