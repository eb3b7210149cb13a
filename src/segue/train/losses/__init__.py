"""Losses: what a stage minimises."""

from segue.train.losses.a2c import A2C
from segue.train.losses.entropy import EntropyBonus
from segue.train.losses.loss import Batch, Info, Knobs, Loss
from segue.train.losses.ppo import PPO

__all__ = ["A2C", "PPO", "Batch", "EntropyBonus", "Info", "Knobs", "Loss"]
