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
    """Return keywords for a member; it reads the file in its own order.

    To be used as `data_iterator_kwargs_generator`.
    """
    return {"seed": seed or 0}


class Demonstrations(Iterator[Data]):
    """Reads a demonstration file endlessly, in windows of `steps` steps of `lanes` episodes.

    Use it as `OffPolicyPipelineComponent(Builder(Demonstrations, {"path": ...}), ["cloning"],
    updates=4, data_iterator_kwargs_generator=member_keywords)`.

    A batch has "observation", "action" and "begins", `[T, n, ...]` each. A pass covers all episodes
    in a new order, distributed over the lanes: every step appears once, except for the last ones of
    a lane, which do not fill a window and come first in its next one. The first pass of a lane
    starts at a random position and wraps around. A window continues where the previous one ended;
    policies with a memory start each window with an empty one.

    Raises ValueError for a file that cannot be read, and for windows longer than a lane's share.
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
        # The steps that each lane shows next.
        self._queues: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * self.lanes
        self._began = False
        if len(self._starts) < self.lanes:
            raise ValueError(
                f"{self.path} has {len(self._starts)} episodes, too few for {self.lanes} lanes:"
                f" record more, or read it with lanes={len(self._starts)}."
            )

    def __next__(self) -> Data:
        """Return the next window."""
        while min(map(len, self._queues)) < self.steps:
            self._assign()
        at = np.stack([queue[: self.steps] for queue in self._queues], 1)  # [T, n]
        self._queues = [queue[self.steps :] for queue in self._queues]
        source = self._recording
        return {
            "observation": source.observation[at],
            "action": source.action[at],
            "begins": source.begins[at],
        }

    def everything(self) -> Data:
        """Return all steps of the file as one lane, for checks."""
        source = self._recording
        parts = {
            "observation": source.observation,
            "action": source.action,
            "begins": source.begins,
        }
        return {name: values[:, None] for name, values in parts.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the position of each lane, and the digest of the file."""
        return {
            "digest": self._recording.digest,
            "generator": self._generator.bit_generator.state,
            "queues": [queue.copy() for queue in self._queues],
            "began": self._began,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the position in `state`; raise ValueError if the file has changed since."""
        if state["digest"] != self._recording.digest:
            raise ValueError(
                f"{self.path} has changed since the run started: restore the old file, or start"
                " from scratch."
            )
        if len(state["queues"]) != self.lanes:
            raise ValueError(
                f"The state has {len(state['queues'])} lanes, but lanes={self.lanes}: use the same"
                " number."
            )
        self._generator.bit_generator.state = state["generator"]
        self._queues = [np.array(queue, np.int64) for queue in state["queues"]]
        self._began = state["began"]

    def _assign(self) -> None:
        """Distribute all episodes over the lanes in a new order.

        Each episode goes to the lane that has the fewest steps left.
        """
        dealt: list[list[NDArray[np.int64]]] = [[queue] for queue in self._queues]
        left = np.array([len(queue) for queue in self._queues])
        for episode in self._generator.permutation(len(self._starts)):
            lane = int(left.argmin())
            steps = np.arange(self._starts[episode], self._ends[episode])
            dealt[lane].append(steps)
            left[lane] += len(steps)
        self._queues = [np.concatenate(parts) for parts in dealt]
        if not self._began:
            # Each lane starts at another phase of its episode: equally long ones would otherwise
            # begin and end at the same time.
            self._began = True
            self._queues = [
                np.roll(queue, -int(self._generator.integers(len(queue)))) for queue in self._queues
            ]


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Recording:
    """Return the recording at `path`, read once for all members.

    `changed` is the time of the file's last change.
    """
    return read_recording(path)
