"""Everything that was done in the lanes of a world that cannot be saved, to be done again.

Shapes: T steps since the world was reset, L lanes, A numbers of a continuous action.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete, Space
from numpy.typing import NDArray

from segue.worlds.world import Lanes, State

_FIRST = 1024  # steps for which there is room at first


class History:
    """Actions and restarts; a byte an action where there are at most 256."""

    def __init__(self, lanes: int, actions: Space[Any]) -> None:
        small = isinstance(actions, Discrete) and actions.n <= 256
        self._actions = np.zeros(
            (_FIRST, lanes, *(actions.shape or ())), np.uint8 if small else actions.dtype
        )
        self._type = actions.dtype
        self._steps = 0
        self._restarts: list[tuple[int, int]] = []  # before which step, which lane

    def add(self, actions: NDArray[Any]) -> None:
        """Note the actions `[L]` or `[L, A]` of a step."""
        if self._steps == len(self._actions):
            self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)])
        self._actions[self._steps] = actions
        self._steps += 1

    def restart(self, lanes: Lanes) -> None:
        """Note that new episodes begin in these lanes."""
        self._restarts += [(self._steps, lane) for lane in lanes.tolist()]

    def select(self, lanes: Lanes) -> "History":
        """Return the history of these lanes, in this order."""
        kept = object.__new__(History)
        kept._actions = self._actions[:, lanes]
        kept._type = self._type
        kept._steps = self._steps
        place = {lane: at for at, lane in enumerate(lanes.tolist())}
        kept._restarts = [(step, place[lane]) for step, lane in self._restarts if lane in place]
        return kept

    def replay(self, step: Callable[[NDArray[Any]], Any], restart: Callable[[Lanes], Any]) -> None:
        """Do everything again, in order."""
        at: dict[int, list[int]] = {}
        for when, lane in self._restarts:
            at.setdefault(when, []).append(lane)
        for t in range(self._steps + 1):
            # One by one: a lane may have been restarted more than once between two steps.
            for lane in at.get(t, ()):
                restart(np.array([lane]))
            if t < self._steps:
                step(self._actions[t].astype(self._type))

    def state_dict(self) -> State:
        """Return copies of all of it."""
        return {
            "actions": self._actions[: self._steps].copy(),
            "restarts": np.array(self._restarts, np.int64).reshape(-1, 2),
        }

    def load_state_dict(self, state: State) -> None:
        """Take over a `state_dict`."""
        self._steps = len(state["actions"])
        self._actions = np.concatenate(
            [np.array(state["actions"], self._actions.dtype), self._actions[:_FIRST]]
        )
        self._restarts = [(int(step), int(lane)) for step, lane in np.asarray(state["restarts"])]
