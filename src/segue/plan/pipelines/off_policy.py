"""Learning from data beside the rollouts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from segue.base.checks import count, finite, names


def no_keywords(
    cur_worker: int, rollouts_per_worker: Sequence[int], seed: int | None
) -> dict[str, Any]:
    """No further keywords for the data iterator, whatever the worker."""
    return {}


class OffPolicyPipelineComponent(NamedTuple):
    """The off-policy part of a pipeline stage.

    `data_iterator_builder` makes an iterator of batches; `loss_names` are the losses they go to,
    weighed by `loss_weights` (None: all ones); `updates` is the number of off-policy updates
    between two rollouts. `data_iterator_kwargs_generator` is called with `cur_worker`,
    `rollouts_per_worker` and `seed` (shared by all workers, may be None) for keywords of
    `data_iterator_builder`. Mistakes are refused when a pipeline is made of it
    (`check_off_policy`).
    """

    data_iterator_builder: Callable[..., Iterator[Any]]
    loss_names: list[str]
    updates: int
    loss_weights: Sequence[float] | None = None
    data_iterator_kwargs_generator: Callable[[int, list[int], int | None], dict[str, Any]] = (
        no_keywords
    )


def check_off_policy(component: OffPolicyPipelineComponent, where: str) -> None:
    """Raise TypeError or ValueError, naming `where` it stands, for a component that cannot work."""
    for name in ("data_iterator_builder", "data_iterator_kwargs_generator"):
        if not callable(getattr(component, name)):
            raise TypeError(
                f"{name} of {where} must be callable, got {getattr(component, name)!r}."
            )
    count(f"updates of {where}", component.updates)
    check_losses(
        names(f"loss_names of {where}", component.loss_names), component.loss_weights, where
    )


def check_losses(
    loss_names: Sequence[str], loss_weights: Sequence[float] | None, where: str
) -> None:
    """Raise ValueError for no losses, a loss named twice, or weights that are not one for each
    loss.
    """
    if not loss_names:
        raise ValueError(f"{where} names no losses: name at least one of named_losses.")
    twice = sorted({name for name in loss_names if list(loss_names).count(name) > 1})
    if twice:
        raise ValueError(
            f"{where} names the loss {twice[0]!r} more than once: name it once and give it a"
            " weight."
        )
    if loss_weights is None:
        return
    if len(loss_weights) != len(loss_names):
        raise ValueError(
            f"{where} has {len(loss_weights)} loss weights for {len(loss_names)} losses: "
            f"give one weight for each of {list(loss_names)}."
        )
    for name, weight in zip(loss_names, loss_weights, strict=True):
        finite(f"The weight of the loss {name!r} in {where}", weight)
