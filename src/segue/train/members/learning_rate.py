"""Learning rates as pure functions of the environment steps taken so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim.lr_scheduler import LambdaLR

from segue.plan.values.builder import Builder


def lr_factor(builder: Builder[Any] | None) -> Callable[[int], float]:
    """Return the factor on the optimizer's learning rate after so many environment steps.

    The steps are those of one member, over all stages. Schedulers are stepped in environment steps,
    so the pipeline's `lr_scheduler_builder` is `Builder(LambdaLR, {"lr_lambda":
    LinearDecay(total_steps)})`, with any function of the steps. A scheduler of torch that computes
    a rate from the previous one cannot give the rate at a step, but any of them can be written as
    such a function.

    Raises ValueError for another scheduler, or one without a function.
    """
    if builder is None:
        return lambda steps: 1.0
    arguments = {**builder.default, **builder.kwargs}
    factor = arguments.pop("lr_lambda", None)
    if builder.class_type is not LambdaLR or not callable(factor) or arguments:
        raise ValueError(
            f"The lr_scheduler_builder is {builder!r}: write Builder(LambdaLR, {{'lr_lambda':"
            " LinearDecay(steps)}), with any function of the environment steps."
        )
    chosen: Callable[[int], float] = factor
    return chosen
