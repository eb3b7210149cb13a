"""Losses: the functions that a stage minimises."""

from segue.train.data.batch import Batch, DataBatch
from segue.train.losses.a2c import A2C
from segue.train.losses.advisor import Advisor
from segue.train.losses.entropy import EntropyBonus
from segue.train.losses.imitation import BehaviorCloning, Imitation
from segue.train.losses.loss import AnyLoss, Hyperparameters, Info, Loss, OffPolicyLoss
from segue.train.losses.member import MemberLoss
from segue.train.losses.ppo import PPO
from segue.train.losses.ppo_value import PPOValue

__all__ = [
    "A2C",
    "PPO",
    "Advisor",
    "AnyLoss",
    "Batch",
    "BehaviorCloning",
    "DataBatch",
    "EntropyBonus",
    "Hyperparameters",
    "Imitation",
    "Info",
    "Loss",
    "MemberLoss",
    "OffPolicyLoss",
    "PPOValue",
]
