"""Off-policy updates of a stage, from data other than its rollouts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from segue.base.checks import count, finite, names


def no_keywords(
    cur_worker: int, rollouts_per_worker: Sequence[int], seed: int | None
) -> dict[str, Any]:
    """Return no further keywords for the data iterator, for every worker."""
    return {}


class OffPolicyPipelineComponent(NamedTuple):
    """The off-policy part of a pipeline stage.

    - `data_iterator_builder`: makes an iterator of batches.
    - `loss_names`: the losses that are computed on the batches.
    - `updates`: the number of off-policy updates between two rollouts.
    - `loss_weights`: one weight for each loss; None for weights of 1.
    - `data_iterator_kwargs_generator`: called with `cur_worker`, `rollouts_per_worker` and `seed`
      (shared by all workers, may be None); returns keywords for `data_iterator_builder`.

    Mistakes are refused when a pipeline is made of the component (`check_off_policy`).
    """

    data_iterator_builder: Callable[..., Iterator[Any]]
    loss_names: list[str]
    updates: int
    loss_weights: Sequence[float] | None = None
    data_iterator_kwargs_generator: Callable[[int, list[int], int | None], dict[str, Any]] = (
        no_keywords
    )


def check_off_policy(component: OffPolicyPipelineComponent, where: str) -> None:
    """Raise TypeError or ValueError for a component that cannot work; `where` names its place."""
    for name in ("data_iterator_builder", "data_iterator_kwargs_generator"):
        if not callable(getattr(component, name)):
            raise TypeError(
                f"{name} of {where} must be callable, got {getattr(component, name)!r}."
            )
    count(f"updates of {where}", component.updates)
    check_loss_weights(
        names(f"loss_names of {where}", component.loss_names), component.loss_weights, where
    )


def check_loss_weights(
    loss_names: Sequence[str], loss_weights: Sequence[float] | None, where: str
) -> None:
    """Raise ValueError for no losses, duplicate losses, or weights that do not match the losses."""
    if not loss_names:
        raise ValueError(f"{where} names no losses: name at least one of named_losses.")
    duplicates = sorted({name for name in loss_names if list(loss_names).count(name) > 1})
    if duplicates:
        raise ValueError(
            f"{where} names the loss {duplicates[0]!r} more than once: name it once and give it a"
            " weight."
        )
    if loss_weights is None:
        return
    if len(loss_weights) != len(loss_names):
        raise ValueError(
            f"{where} has {len(loss_weights)} loss weights for {len(loss_names)} losses: give one"
            f" weight for each of {list(loss_names)}."
        )
    for name, weight in zip(loss_names, loss_weights, strict=True):
        finite(f"The weight of the loss {name!r} in {where}", weight)
