"""Optimizers over the flat parameters of K members, each with its own hyperparameters."""

from segue.train.optimizers.choice import rule_of
from segue.train.optimizers.rule import ParameterRows, Rule
from segue.train.optimizers.state import OptimizerState

__all__ = ["OptimizerState", "ParameterRows", "Rule", "rule_of"]
