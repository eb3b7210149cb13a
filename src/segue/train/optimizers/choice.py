"""Choose the rule for a pipeline's optimizer."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch

from segue.base.suggestions import suggestion
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.values.builder import Builder
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


def _arguments(kind: type[torch.optim.Optimizer]) -> frozenset[str] | None:
    """Return the keywords of an optimizer, except for its parameters; None if it accepts any."""
    parameters = list(inspect.signature(kind).parameters.values())
    if any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters[1:])


_ARGUMENTS = {kind: _arguments(kind) for kind in PACKED}  # computed once: used at every rollout
_NUMBERS = {kind: frozenset(field.name for field in fields(rule)) for kind, rule in PACKED.items()}
_FASTER = frozenset(
    {"foreach", "fused", "capturable", "differentiable"}
)  # how torch computes, not what


def rule_of(builder: Builder[Any]) -> Rule:
    """Return the rule of a pipeline's `optimizer_builder`.

    Adam, AdamW, SGD and RMSprop are packed, and every other optimizer runs one by one.

    A packed rule implements the hyperparameters. Arguments about speed have no effect on it; if any
    other option is on (`amsgrad`, `maximize`), torch's own optimizer is used, one by one.

    Raises ValueError, in one sentence, for what is not an optimizer, for unknown arguments and for
    invalid numbers; `Rule.check` also detects optimizers that cannot update a vector.
    """
    kind = builder.class_type
    if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
        raise ValueError(
            f"The pipeline's optimizer_builder builds {kind!r}: build a torch.optim optimizer, as "
            "Builder(torch.optim.Adam, {'lr': 1e-3}) does."
        )
    arguments = {**builder.default, **builder.kwargs}
    known = _ARGUMENTS[kind] if kind in PACKED else _arguments(kind)
    for name in arguments:
        if known is not None and name not in known:
            raise ValueError(
                f"{kind.__name__} takes no {name!r}, which the pipeline's optimizer_builder gives"
                f" it: {suggestion(name, known)}"
            )
    numbers = _NUMBERS.get(kind, frozenset())
    if kind not in PACKED or any(arguments[name] for name in arguments.keys() - numbers - _FASTER):
        return OneByOne.of(kind, arguments)
    return PACKED[kind](**{name: value for name, value in arguments.items() if name in numbers})


def one_rule(pipelines: Sequence[TrainingPipeline]) -> Rule:
    """Return the rule of all members' optimizers; raise ValueError where their classes differ."""
    kinds = list(dict.fromkeys(pipeline.optimizer_builder.class_type for pipeline in pipelines))
    rules = [rule_of(pipeline.optimizer_builder) for pipeline in pipelines]
    if len(kinds) > 1 or len({type(rule) for rule in rules}) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"The members of a pack share the optimizer's class, and these have {names}: train them"
            " apart."
        )
    return rules[0]
