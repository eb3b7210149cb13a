"""Seeds of the global random generators."""

import random
import sys

from segue.base.checks import whole_number

_SEEDS = 2**32  # numpy's global generator takes 32 bits


def set_seed(seed: int | None = None) -> None:
    """Seed `random`, numpy's global generator and torch; None leaves them as they are.

    Raises TypeError or ValueError, before any generator is seeded, for a seed that is not a whole
    number in [0, 2**32).
    """
    if seed is None:
        return
    number = whole_number("seed", seed, least=0)
    if number >= _SEEDS:
        raise ValueError(f"seed must be below 2**32, got {number}.")
    # Imported here, and both before the first is seeded: the plan layer must stay light to import.
    import numpy as np
    import torch

    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def set_deterministic_cudnn() -> None:
    """Make cuDNN choose deterministic algorithms, which may be slower.

    A call in a sweep file holds for all of its trials.
    """
    import torch

    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def is_cudnn_deterministic() -> bool:
    """Return whether `set_deterministic_cudnn` has been called in this process."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.backends.cudnn.deterministic)
