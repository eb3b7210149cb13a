"""Losses: what a stage minimises."""

from segue.train.losses.a2c import A2C
from segue.train.losses.entropy import EntropyBonus
from segue.train.losses.imitation import Imitation
from segue.train.losses.loss import Batch, Info, Knobs, Loss
from segue.train.losses.ppo import PPO
from segue.train.losses.ppo_value import PPOValue

__all__ = ["A2C", "PPO", "Batch", "EntropyBonus", "Imitation", "Info", "Knobs", "Loss", "PPOValue"]
