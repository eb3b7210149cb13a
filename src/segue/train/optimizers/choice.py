"""Which rule a pipeline's optimizer is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch

from segue.plan.builder import Builder
from segue.train.optimizers.adam import Adam, AdamW
from segue.train.optimizers.one_by_one import OneByOne
from segue.train.optimizers.rmsprop import RMSprop
from segue.train.optimizers.rule import Rule
from segue.train.optimizers.sgd import SGD

PACKED: Mapping[type, type[Rule]] = {
    torch.optim.Adam: Adam,
    torch.optim.AdamW: AdamW,
    torch.optim.SGD: SGD,
    torch.optim.RMSprop: RMSprop,
}
_FASTER = ("foreach", "fused", "capturable", "differentiable")  # how torch computes, not what
_OTHER_RULES = ("amsgrad", "maximize")


def rule_of(builder: Builder[Any]) -> Rule:
    """The rule of a pipeline's `optimizer_builder`: packed for Adam, AdamW, SGD and RMSprop, else one by one.

    Raises ValueError, in one sentence, for what is no optimizer, for unknown arguments and impossible numbers;
    `Rule.check` also finds optimizers that cannot update a vector.
    """
    kind = builder.class_type
    if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
        raise ValueError(
            f"The pipeline's optimizer_builder builds {kind!r}: build a torch.optim optimizer, as "
            "Builder(torch.optim.Adam, {'lr': 1e-3}) does."
        )
    arguments = {**builder.default, **builder.kwargs}
    packed = PACKED.get(kind)
    if packed is None or any(arguments.get(name) for name in _OTHER_RULES):
        return OneByOne.of(kind, arguments)
    chosen = {name: value for name, value in arguments.items() if name not in (*_FASTER, *_OTHER_RULES)}
    known = sorted(field.name for field in fields(packed))
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise ValueError(
            f"{kind.__name__}'s arguments in a pipeline are {known}, and optimizer_builder gives {unknown}."
        )
    return packed(**chosen)
