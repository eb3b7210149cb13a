"""Minibatches and outputs that are given, for the tests of losses."""

from typing import NamedTuple

import torch
from torch import Tensor

from segue.train.data.batch import Batch, PolicyInput


class Given(NamedTuple):
    """What a loss reads of `Outputs`."""

    log_prob: Tensor
    entropy: Tensor
    value: Tensor
    expert: Tensor | None = None  # log-probability of the expert's actions
    auxiliary: Tensor | None = None  # the same under the second actor
    log_policy: Tensor | None = None

    def log_prob_of(self, action):
        return self.expert

    def auxiliary_log_prob_of(self, action):
        return self.auxiliary


def given_batch(like, **fields):
    """A batch whose fields are zeros like the tensor `like` `[K, B]`, but for those given."""
    zero = torch.zeros_like(like)
    names = ("log_prob", "advantage", "value_target", "value", "normalized_advantage")
    return Batch(
        PolicyInput(zero.unsqueeze(-1), zero.long()), **{**dict.fromkeys(names, zero), **fields}
    )
