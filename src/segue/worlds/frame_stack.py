"""Stacks of successive observations, in any world that observes a box of numbers.

Shapes: L lanes, S frames of a stack, C numbers of a frame along the axis of the stack.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from segue.worlds.side_by_side import join_worlds, restore_world
from segue.worlds.world import Advice, Lanes, State, Step, VectorWorld


class FrameStack(VectorWorld):
    """Observes the last S observations at once, one after another along one axis.

    The axis is the last one, or the first one of pictures with the channels first. An episode
    begins with zeros before its first observation. These are the definitions of
    Stable-Baselines3's `VecFrameStack`.
    """

    def __init__(self, world: VectorWorld, frames: int, name: str) -> None:
        """Wrap a world; raise ValueError, with its `name`, unless it observes a box."""
        space = world.single_observation_space
        if not isinstance(space, Box) or not space.shape:
            raise ValueError(
                f"The world {name!r} observes {space}, of which there is no frame_stack: leave it"
                " out, or wrap the environment so that it observes a Box."
            )
        self.world = world
        self.frames = frames
        self.lanes = world.lanes
        self.metrics = world.metrics
        self.has_expert = world.has_expert
        self.single_action_space = world.single_action_space
        self._axis = _stack_axis(space)
        low = np.concatenate([space.low] * frames, self._axis - 1)
        high = np.concatenate([space.high] * frames, self._axis - 1)
        # Zeros stand before an episode's first observation.
        self.single_observation_space = Box(
            np.minimum(low, 0), np.maximum(high, 0), dtype=space.dtype.type
        )
        self._width = space.shape[self._axis - 1]
        # Written in turns, so that a step shifts the frames from one to the other.
        self._stack: NDArray[Any] = np.zeros((self.lanes, *low.shape), space.dtype)
        self._other = np.zeros_like(self._stack)

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[Any]:
        """Restart every lane; see `VectorWorld.reset`."""
        self._begin(np.arange(self.lanes), self.world.reset(seeds))
        return self._stack

    def step(self, actions: NDArray[Any]) -> Step:
        """Step the world, and append its observations; see `VectorWorld.step`."""
        step = self.world.step(actions)
        self._other[self._at(None, -self._width)] = self._stack[self._at(self._width, None)]
        self._stack, self._other = self._other, self._stack
        self._stack[self._at(-self._width, None)] = step.observation
        final = self._stack[:0]
        if step.ended.size:
            final = self._stack[step.ended]
            final[self._at(-self._width, None)] = step.final_observation
            self._begin(step.ended, step.observation[step.ended])
        return step._replace(observation=self._stack, final_observation=final)

    def restart(self, lanes: Lanes) -> NDArray[Any]:
        """Begin the next episodes of these lanes; see `VectorWorld.restart`."""
        self._begin(lanes, self.world.restart(lanes))
        return self._stack[lanes]

    def select(self, lanes: Lanes) -> "FrameStack":
        """Return a world of these lanes; see `VectorWorld.select`."""
        selected = object.__new__(FrameStack)
        vars(selected).update(vars(self))
        selected.world = self.world.select(lanes)
        selected.lanes = len(lanes)
        selected._stack = self._stack[lanes]
        selected._other = np.zeros_like(selected._stack)
        return selected

    @classmethod
    def joined(cls, worlds: "Sequence[FrameStack]") -> "FrameStack":
        """Return a world of all lanes; see `VectorWorld.joined`."""
        joined = object.__new__(FrameStack)
        vars(joined).update(vars(worlds[0]))
        joined.world = join_worlds([world.world for world in worlds])
        joined.lanes = joined.world.lanes
        joined._stack = np.concatenate([world._stack for world in worlds])
        joined._other = np.zeros_like(joined._stack)
        return joined

    def state_of(self, lanes: Lanes) -> State:
        """Return the state of these lanes; see `VectorWorld.state_of`."""
        return {"world": self.world.state_of(lanes), "frames": self._stack[lanes]}

    def state_dict(self) -> State:
        """Return the world's state and the stacked observations; see `VectorWorld.state_dict`."""
        return {"world": self.world.state_dict(), "frames": self._stack.copy()}

    def load_state_dict(self, state: State) -> None:
        """Restore `state`; see `VectorWorld.load_state_dict`."""
        self.world = restore_world(self.world, state["world"])
        self._stack = np.array(state["frames"], self._stack.dtype)

    def expert(self) -> Advice:
        """Consult the world's expert; see `VectorWorld.expert`."""
        return self.world.expert()

    def render(self, lane: int) -> NDArray[np.uint8]:
        """Draw the present state of a lane; see `VectorWorld.render`."""
        return self.world.render(lane)

    def close(self) -> None:
        """Close the world."""
        self.world.close()

    def _begin(self, lanes: Lanes, first: NDArray[Any]) -> None:
        """Place the first observations of these lanes after zeros."""
        stacks = np.zeros((len(lanes), *self._stack.shape[1:]), self._stack.dtype)
        stacks[self._at(-self._width, None)] = first
        self._stack[lanes] = stacks

    def _at(self, start: int | None, stop: int | None) -> tuple[slice, ...]:
        """Return the index of a range along the axis of the stack, in all lanes."""
        return (*(slice(None),) * self._axis, slice(start, stop))


def _stack_axis(space: Box) -> int:
    """Return the axis of the stack in a batch [L, ...] of observations of this space."""
    is_picture = space.dtype == np.uint8 and len(space.shape) == 3
    is_channels_first = is_picture and int(np.argmin(space.shape)) == 0
    return 1 if is_channels_first else len(space.shape)
