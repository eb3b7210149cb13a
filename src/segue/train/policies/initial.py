"""Initial weights of new members."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
