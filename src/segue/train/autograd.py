"""The one typed way to call a function with a gradient by hand."""

from __future__ import annotations

from typing import Any

from torch.autograd import Function


def apply(function: type[Function], *arguments: Any) -> Any:
    """`function.apply(*arguments)`, which torch leaves without annotations."""
    return function.apply(*arguments)
