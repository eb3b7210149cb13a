"""Equality of states, bit for bit."""

import numpy as np
import torch


def assert_same_state(one, other, path="state"):
    """Nested dictionaries and lists of tensors, arrays and plain values."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            assert_same_state(one[key], other[key], f"{path}[{key!r}]")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), path
        for i, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            assert_same_state(mine, theirs, f"{path}[{i}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), path
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape, path
        assert one.tobytes() == other.tobytes(), path
    else:
        assert one == other or (one != one and other != other), path  # both may be NaN
