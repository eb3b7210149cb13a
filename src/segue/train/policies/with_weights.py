"""A module that is called with weights that are not its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class WithWeights:
    """A module that is called with other weights than its own, as by `torch.func.functional_call`.

    The places of the parameters are found once rather than at each call, which takes a third of the
    time of a small module.
    """

    def __init__(self, module: nn.Module) -> None:
        names = {id(parameter): name for name, parameter in module.named_parameters()}
        self._module = module
        self._places = [
            (part._parameters, key, names[id(parameter)], parameter)
            for part in module.modules()
            for key, parameter in part._parameters.items()
            if parameter is not None
        ]

    def __call__(self, weights: Mapping[str, Tensor], *inputs: Any) -> Any:
        """Return what the module returns for the inputs with these weights, by name."""
        try:
            for parameters, key, name, _ in self._places:
                parameters[key] = weights[name]  # type: ignore[assignment]  # not of its own
            return self._module(*inputs)
        finally:
            for parameters, key, _, own in self._places:
                parameters[key] = own
