"""Numbered states as ones and zeros."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from segue.train.policies.arrays.stacked import Array


@dataclass(frozen=True)
class OneHot:
    """One of `sizes[i]` numbers is 1 for component i, and the others are 0.

    This is how Stable-Baselines3 reads Discrete and MultiDiscrete observations.
    """

    sizes: tuple[int, ...]

    @classmethod
    def of(cls, space: spaces.Space[object]) -> OneHot | None:
        """Return the encoding of a space's numbers; None for numbers that are read as they are."""
        match space:
            case spaces.Discrete():
                return cls((int(space.n),))
            case spaces.MultiDiscrete():
                return cls(tuple(space.nvec.reshape(-1).tolist()))
        return None

    @property
    def numbers(self) -> int:
        """Number of ones and zeros of one observation."""
        return sum(self.sizes)

    def __call__(self, observation: Array) -> Array:
        """Return ones and zeros `[K, B, numbers]` for components `[K, B, C]`, all 32-bit floats."""
        component, state = self._tables
        if not isinstance(observation, Tensor):
            return (np.take(observation, component, -1) == state).astype(np.float32)
        device = observation.device
        seen = observation.index_select(-1, torch.from_numpy(component).to(device))
        return (seen == torch.from_numpy(state).to(device)).float()

    @cached_property
    def _tables(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the component that each output is about, and the state at which it is 1."""
        component = np.repeat(np.arange(len(self.sizes)), self.sizes)
        state = np.concatenate([np.arange(size, dtype=np.float32) for size in self.sizes])
        return component, state
