"""Initial weights of new members."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
DrawLayer = Callable[[np.random.Generator, int, int, float], tuple[Floats, Floats]]
"""Generator, inputs, outputs, gain -> weight `[inputs, outputs]` and bias `[1, outputs]`."""
HIDDEN_GAIN = math.sqrt(2)
ACTOR_GAIN = 0.01
CRITIC_GAIN = 1.0


def orthogonal(
    generator: np.random.Generator, inputs: int, outputs: int, gain: float
) -> NDArray[np.float32]:
    """Draw a random matrix `[inputs, outputs]` with orthonormal rows or columns, times `gain`.

    The shorter side is orthonormal (Saxe et al., 2014, "Exact solutions to the nonlinear dynamics
    of learning in deep linear neural networks"); the signs are fixed by R's diagonal so that the
    draw is uniform (Mezzadri, 2007, section 5).
    """
    normal = generator.standard_normal((max(inputs, outputs), min(inputs, outputs)))
    q, r = np.linalg.qr(normal)
    q = q * np.sign(np.diag(r))
    return np.ascontiguousarray(gain * (q if inputs >= outputs else q.T), dtype=np.float32)


def orthogonal_layer(
    generator: np.random.Generator, inputs: int, outputs: int, gain: float
) -> tuple[Floats, Floats]:
    """Draw an orthogonal weight; biases are zero."""
    return orthogonal(generator, inputs, outputs, gain), np.zeros((1, outputs), np.float32)


def uniform_layer(
    generator: np.random.Generator, inputs: int, outputs: int, gain: float
) -> tuple[Floats, Floats]:
    """Draw weight and bias uniformly within 1 / sqrt(inputs), as `torch.nn.Linear` does.

    There is no gain.
    """
    bound = 1 / math.sqrt(inputs)
    weight = generator.uniform(-bound, bound, (inputs, outputs)).astype(np.float32)
    return weight, generator.uniform(-bound, bound, (1, outputs)).astype(np.float32)


def draw_for(ortho_init: bool) -> DrawLayer:
    """Return the function that draws the layers of a policy with this `ortho_init`."""
    return orthogonal_layer if ortho_init else uniform_layer
