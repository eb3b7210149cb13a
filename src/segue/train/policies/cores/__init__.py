"""Cores: the layers between encoder and heads, with or without a memory."""

from segue.train.policies.cores.core import Core
from segue.train.policies.cores.dense import Dense
from segue.train.policies.cores.gru import GRU
from segue.train.policies.cores.lstm import LSTM

__all__ = ["GRU", "LSTM", "Core", "Dense"]
