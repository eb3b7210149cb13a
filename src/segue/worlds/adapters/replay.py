"""The actions in the lanes of a world that cannot be saved, from which it is replayed.

Shapes: T steps since the world was reset, L lanes, A dimensions of a continuous action.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete, Space
from numpy.typing import NDArray

from segue.worlds.world import Lanes, State

_FIRST_STEPS = 1024  # for which there is room at first


class ActionLog:
    """The actions and restarts since a world was reset; a byte per action if at most 256."""

    def __init__(self, lanes: int, actions: Space[object]) -> None:
        small = isinstance(actions, Discrete) and actions.n <= 256
        self._actions = np.zeros(
            (_FIRST_STEPS, lanes, *(actions.shape or ())), np.uint8 if small else actions.dtype
        )
        self._dtype = actions.dtype
        self._steps = 0
        self._restarts: list[tuple[int, int]] = []  # the lane, and before which step

    def add(self, actions: NDArray[Any]) -> None:
        """Append the actions `[L]` or `[L, A]` of a step."""
        if self._steps == len(self._actions):
            self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)])
        self._actions[self._steps] = actions
        self._steps += 1

    def restart(self, lanes: Lanes) -> None:
        """Record that new episodes begin in these lanes."""
        self._restarts += [(self._steps, lane) for lane in lanes.tolist()]

    def select(self, lanes: Lanes) -> "ActionLog":
        """Return the log of these lanes, in this order."""
        selected = object.__new__(ActionLog)
        selected._actions = self._actions[:, lanes]
        selected._dtype = self._dtype
        selected._steps = self._steps
        index = {lane: position for position, lane in enumerate(lanes.tolist())}
        selected._restarts = [(step, index[lane]) for step, lane in self._restarts if lane in index]
        return selected

    def replay(self, step: Callable[[NDArray[Any]], Any], restart: Callable[[Lanes], Any]) -> None:
        """Repeat all actions and restarts, in order."""
        lanes_by_step: dict[int, list[int]] = {}
        for before_step, lane in self._restarts:
            lanes_by_step.setdefault(before_step, []).append(lane)
        for t in range(self._steps + 1):
            # One by one: a lane may have been restarted more than once between two steps.
            for lane in lanes_by_step.get(t, ()):
                restart(np.array([lane]))
            if t < self._steps:
                step(self._actions[t].astype(self._dtype))

    def state_dict(self) -> State:
        """Return copies of all actions and restarts."""
        return {
            "actions": self._actions[: self._steps].copy(),
            "restarts": np.array(self._restarts, np.int64).reshape(-1, 2),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore the actions and restarts of a `state_dict`."""
        self._steps = len(state["actions"])
        self._actions = np.concatenate(
            [np.array(state["actions"], self._actions.dtype), self._actions[:_FIRST_STEPS]]
        )
        self._restarts = [(int(step), int(lane)) for step, lane in np.asarray(state["restarts"])]
