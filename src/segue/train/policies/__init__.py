"""Policies: what a member acts with, stacked over the members of a pack."""

from segue.train.policies.mlp import ActorCritic, Mlp, Outputs

__all__ = ["ActorCritic", "Mlp", "Outputs"]
