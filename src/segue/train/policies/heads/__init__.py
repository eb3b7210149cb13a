"""Distributions over actions, as functions of a policy's outputs."""

from segue.train.policies.heads.bernoulli import Bernoulli
from segue.train.policies.heads.categorical import Categorical, MultiCategorical
from segue.train.policies.heads.choice import ContinuousActions
from segue.train.policies.heads.gaussian import Gaussian, StateGaussian
from segue.train.policies.heads.head import Head
from segue.train.policies.heads.squashed import Squashed

__all__ = [
    "Bernoulli",
    "Categorical",
    "ContinuousActions",
    "Gaussian",
    "Head",
    "MultiCategorical",
    "Squashed",
    "StateGaussian",
]
