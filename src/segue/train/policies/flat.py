"""Named parameters in one flat row per member.

Shapes: K members, P parameters of a member.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from segue.train.policies.cores.core import Drawn, Shapes, Weights

T = TypeVar("T")
OF_HEAD = "log_std of the head"
"""The name of the head's own parameters; unlike the names of a module's, it has blanks."""


@dataclass(frozen=True)
class Flat:
    """The positions of parameters in a row, in the order in which their names appear first."""

    shapes: Shapes

    @property
    def size(self) -> int:
        """Number of parameters of one member, P."""
        return sum(self._sizes)

    def pack(self, drawn: Drawn) -> Tensor:
        """Return the flat row `[P]` of parameters that were drawn; zeros for the others."""
        parts = [
            np.asarray(drawn.get(name, np.zeros(shape)), np.float32)
            for name, shape in self.shapes.items()
        ]
        return torch.from_numpy(np.concatenate([part.reshape(-1) for part in parts]))

    def unpack(self, parameters_KP: Tensor) -> Weights:
        """Return the parameters `[K, ...]` by name, as views.

        The row is split once, so that the gradient of all parts is assembled once, not part by
        part.
        """
        parts = parameters_KP.split(self._sizes, 1)
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: part.unflatten(1, shape) for (name, shape), part in named}

    @property
    def _sizes(self) -> list[int]:
        return [math.prod(shape) for shape in self.shapes.values()]


def prefixed(prefix: str, named: Mapping[str, T]) -> dict[str, T]:
    """Return the values under the names `prefix.name`."""
    return {f"{prefix}.{name}": value for name, value in named.items()}


def entries_of(weights: Weights, name: str) -> Weights:
    """Return the weights under the prefix `name.`, by the rest of their names."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): own for key, own in weights.items() if key.startswith(prefix)}
