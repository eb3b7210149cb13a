"""Recorded data, in addition to the rollouts, for one member.

It comes in batches from the iterator of a stage's off-policy component.

A batch is a mapping of arrays for one member: "observation" and "action" `[B, ...]`, or, where
samples follow one another, `[T, n, ...]` with "begins" `[T, n]`, true where an episode begins.
Other entries are passed to the losses unchanged.

Shapes: k members, B samples of a batch, B = T*n where they are T steps in n lanes, M memory numbers
of a lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.train.data.batch import DataBatch, PolicyInput, Sequences

Data = dict[str, NDArray[Any]]
OWN = ("observation", "action", "begins")


class DataStream:
    """The batches of a component's iterator for one member, and the position in them.

    An iterator that ends is built again. Its position is saved by its own `state_dict` and
    `load_state_dict` if it has them; otherwise it is built again and read up to the position, which
    requires that it returns the same batches again.
    """

    def __init__(self, component: OffPolicyPipelineComponent, lanes: int, seed: int) -> None:
        """Build the iterator for a worker of `lanes` rollouts.

        The component generates the iterator's keyword arguments.
        """
        self._component = component
        # Called with keywords, as AllenAct documents.
        self._keywords = component.data_iterator_kwargs_generator(  # type: ignore[call-arg]
            cur_worker=0, rollouts_per_worker=[lanes], seed=seed
        )
        self._passes = 0  # how often the iterator ended
        self._build()

    def take(self, count: int) -> list[Data]:
        """Return the next batches.

        Raises ValueError when the iterator gives nothing, or batches of different shapes.
        """
        batches = [self._next() for _ in range(count)]
        shapes = [signature(batch) for batch in batches]
        for other in shapes:
            if other != shapes[0]:
                raise ValueError(
                    f"The data iterator gave batches of different shapes, {shapes[0]} and {other}:"
                    " give all batches the same shapes."
                )
        return batches

    def everything(self) -> Data | None:
        """Return all data of the iterator, or None if it does not offer them."""
        return self._iterator.everything() if hasattr(self._iterator, "everything") else None

    def state_dict(self) -> dict[str, Any]:
        """Return how far the stream has been read."""
        own = self._iterator.state_dict() if hasattr(self._iterator, "state_dict") else None
        return {"passes": self._passes, "drawn": self._drawn, "iterator": own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the position in `state`."""
        self._passes = state["passes"]
        self._build()
        self._drawn = state["drawn"]
        if state["iterator"] is not None:
            self._iterator.load_state_dict(state["iterator"])
            return
        for _ in range(self._drawn):
            next(self._iterator)

    def close(self) -> None:
        """Close the iterator, so that it releases its resources."""
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()

    def _build(self) -> None:
        self._iterator: Any = iter(self._component.data_iterator_builder(**self._keywords))
        self._drawn = 0  # since it was built

    def _next(self) -> Data:
        for batch in self._iterator:
            self._drawn += 1
            return arrays(batch)
        if not self._drawn:
            raise ValueError(
                f"The data iterator of {self._component.data_iterator_builder!r} gave no batches:"
                " give it data."
            )
        self._passes += 1
        self._build()
        return self._next()


def arrays(batch: Any) -> Data:
    """Return a batch as arrays; raise ValueError without "observation" and "action"."""
    if not isinstance(batch, Mapping) or not {"observation", "action"} <= set(batch):
        found = sorted(batch) if isinstance(batch, Mapping) else type(batch).__name__
        raise ValueError(
            'A data iterator gives mappings with "observation" and "action", and this one gave'
            f' {found}: return {{"observation": ..., "action": ...}}.'
        )
    return {name: np.asarray(values) for name, values in batch.items()}


def signature(batch: Data) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return what members must share to learn from their batches together."""
    return tuple((name, batch[name].shape) for name in sorted(batch))


def stacked_batches(
    data: Sequence[Sequence[Data]], memory: int, device: str
) -> Iterator[DataBatch]:
    """Yield the batches of k members as stacked tensors.

    `data` lists the batches of each member; `memory` is M.
    """
    for batches in zip(*data, strict=True):
        entries = {
            name: torch.from_numpy(np.stack([one[name] for one in batches])).to(device)
            for name in batches[0]
        }
        begins = entries.get("begins")
        ahead = 1 if begins is None else 2  # dimensions of a member's samples
        together = {name: values.flatten(1, ahead) for name, values in entries.items()}
        sequences = None
        if begins is not None and memory:
            none = torch.zeros(len(begins), begins.shape[2], memory, device=device)
            sequences = Sequences(none, begins.float())
        observed = together["observation"]
        observation = observed.float().reshape(*observed.shape[:2], -1)
        rest = {name: values for name, values in together.items() if name not in OWN}
        yield DataBatch(PolicyInput(observation, together["action"], sequences), rest)
