"""Batches of recorded demonstrations, for a stage's off-policy component.

Shapes: T steps of a window, n lanes side by side, S steps of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.base.checks import count
from segue.train.data.component_data import Data
from segue.worlds.demonstrations import Recording, read_recording
from segue.worlds.seeds import stream


def member_keywords(
    cur_worker: int, rollouts_per_worker: Sequence[int], seed: int | None
) -> dict[str, Any]:
    """A `data_iterator_kwargs_generator`: every member reads the file in an order of its own."""
    return {"seed": seed or 0}


class Demonstrations(Iterator[Data]):
    """Reads a demonstration file for ever, `lanes` episodes side by side, in windows of `steps`
    steps.

    Use it as `OffPolicyPipelineComponent(Builder(Demonstrations, {"path": ...}), ["cloning"],
    updates=4, data_iterator_kwargs_generator=member_keywords)`.

    A batch has "observation", "action" and "begins", `[T, n, ...]` each. A pass goes through all
    episodes in a new order, dealt to the lanes one after another: every step is shown once, but for
    the last of a lane, which do not fill a window and come first in its next one. A lane's first
    pass begins anywhere in it and goes round. Windows go on where the last one ended; policies with
    a memory begin each of them with an empty one.

    Raises ValueError for a file that cannot be read, and for windows longer than what a lane gets.
    """

    def __init__(self, path: str | Path, lanes: int = 16, steps: int = 32, seed: int = 0) -> None:
        self.path = Path(path)
        self.lanes = count("lanes", lanes)
        self.steps = count("steps", steps)
        self._recording = _read(
            self.path, self.path.stat().st_mtime_ns if self.path.exists() else 0
        )
        self._starts = np.flatnonzero(self._recording.begins)
        self._ends = np.append(self._starts[1:], len(self._recording.begins))
        self._generator = np.random.Generator(np.random.SFC64(stream(seed, "demonstrations")))
        self._queues: list[NDArray[np.int64]] = [
            np.empty(0, np.int64)
        ] * self.lanes  # steps that each lane shows next
        self._began = False
        if len(self._starts) < self.lanes:
            raise ValueError(
                f"{self.path} has {len(self._starts)} episodes for {self.lanes} lanes side by side:"
                f" record more, or read it with lanes={len(self._starts)}."
            )

    def __next__(self) -> Data:
        """Return the next window."""
        while min(map(len, self._queues)) < self.steps:
            self._deal()
        at = np.stack([queue[: self.steps] for queue in self._queues], 1)  # [T, n]
        self._queues = [queue[self.steps :] for queue in self._queues]
        source = self._recording
        return {
            "observation": source.observation[at],
            "action": source.action[at],
            "begins": source.begins[at],
        }

    def everything(self) -> Data:
        """All steps of the file as one lane, for checks."""
        source = self._recording
        parts = {
            "observation": source.observation,
            "action": source.action,
            "begins": source.begins,
        }
        return {name: values[:, None] for name, values in parts.items()}

    def state_dict(self) -> dict[str, Any]:
        """Where each lane stands, and of which file."""
        return {
            "digest": self._recording.digest,
            "generator": self._generator.bit_generator.state,
            "queues": [queue.copy() for queue in self._queues],
            "began": self._began,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the iterator stood that made `state`; ValueError when the file has changed
        since.
        """
        if state["digest"] != self._recording.digest:
            raise ValueError(
                f"{self.path} has changed since the run began: put the old file back, or begin"
                " anew."
            )
        if len(state["queues"]) != self.lanes:
            raise ValueError(
                f"The state is of {len(state['queues'])} lanes and not of {self.lanes}: keep their"
                " number."
            )
        self._generator.bit_generator.state = state["generator"]
        self._queues = [np.array(queue, np.int64) for queue in state["queues"]]
        self._began = state["began"]

    def _deal(self) -> None:
        """Deal all episodes to the lanes in a new order, each to the lane that has the fewest steps
        left.
        """
        dealt: list[list[NDArray[np.int64]]] = [[queue] for queue in self._queues]
        left = np.array([len(queue) for queue in self._queues])
        for episode in self._generator.permutation(len(self._starts)):
            lane = int(left.argmin())
            steps = np.arange(self._starts[episode], self._ends[episode])
            dealt[lane].append(steps)
            left[lane] += len(steps)
        self._queues = [np.concatenate(parts) for parts in dealt]
        if (
            not self._began
        ):  # each lane at another phase of its episode, or equally long ones would march in step
            self._began = True
            self._queues = [
                np.roll(queue, -int(self._generator.integers(len(queue)))) for queue in self._queues
            ]


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Recording:
    """The recording at `path`, as it was when it last `changed`; members read it once."""
    return read_recording(path)
