"""Batches to learn from: minibatches of a rollout, and batches of recorded data.

Shapes: K members, B samples of a minibatch, O observation numbers, M memory numbers; where the
policy has a memory, the samples are sequences of T steps in n lanes, B = T*n, sample (t, i) in row
t*n + i.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Sequences(NamedTuple):
    """The order of the samples, for policies with a memory."""

    memory: Tensor  # [K, n, M] before the first step
    begins: Tensor  # [K, T, n] 1.0 where an episode begins, so that the memory is empty; else 0.0


class PolicyInput(NamedTuple):
    """The input of a policy: observations, and the actions that were taken."""

    observation: Tensor  # [K, B, O]
    action: Tensor  # [K, B] or [K, B, A]
    sequences: Sequences | None = None


class Batch(NamedTuple):
    """A minibatch of a rollout, not differentiable; `[K, B]` unless noted otherwise."""

    policy_input: PolicyInput
    log_prob: Tensor  # of the action when it was taken
    advantage: Tensor
    value_target: Tensor  # advantage + value: the return that the critic learns
    value: Tensor  # of the observation when the rollout was collected
    normalized_advantage: Tensor  # mean 0 and standard deviation 1 over the member's rollout
    expert_action: Tensor | None = None  # like `policy_input.action`; None without an expert
    expert_available: Tensor | None = None  # 1.0 where the expert had an action, else 0.0
    expert_policy: Tensor | None = None  # [K, B, A] its probabilities, if a loss needs them


class DataBatch(NamedTuple):
    """A batch from a stage's off-policy component, not differentiable."""

    policy_input: PolicyInput
    data: Mapping[str, Tensor]  # further entries of the batch, [K, B, ...] each
