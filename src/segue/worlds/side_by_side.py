"""Worlds that are stepped one after another as one, and the joining of worlds.

Shapes: L lanes of all worlds, E lanes whose episode ended in a step.
"""

from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.worlds.world import NO_LANES, Advice, Lanes, State, Step, VectorWorld, one_seed_each

_PARTS = "side_by_side"


def join_worlds(worlds: Sequence[VectorWorld]) -> VectorWorld:
    """Return one world of all lanes of these, in order, each continuing bit for bit.

    The worlds are of one definition. They must not be stepped any more, unless they are reset
    first. Those of a class that overrides `VectorWorld.joined` are joined by it, others are stepped
    side by side.
    """
    parts = [part for world in worlds for part in _parts(world)]
    if len(parts) == 1:
        return parts[0]
    kind = type(parts[0])
    joined = kind.joined(parts) if joins_itself(kind) else None
    return SideBySide(parts) if joined is None else joined


def restore_world(world: VectorWorld, state: State) -> VectorWorld:
    """Return `world` in the state of another one of as many lanes, divided as that one was.

    `world` must not be used any more.
    """
    if _PARTS in state:
        ends = list(accumulate(part["lanes"] for part in state[_PARTS]))
        starts = [0, *ends]
        world = SideBySide(
            [world.select(np.arange(start, end)) for start, end in zip(starts, ends, strict=False)]
        )
    world.load_state_dict(state)
    return world


class SideBySide(VectorWorld):
    """Several worlds of one definition as one, whose lanes follow one another.

    Its state is that of the only world where there is only one.
    """

    def __init__(self, worlds: Sequence[VectorWorld]) -> None:
        self.worlds = list(worlds)
        first = self.worlds[0]
        self.single_observation_space = first.single_observation_space
        self.single_action_space = first.single_action_space
        self.metrics = first.metrics
        self.has_expert = first.has_expert
        ends = list(accumulate(world.lanes for world in self.worlds))
        self.lanes = ends[-1]
        self._rows = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[Any]:
        """Restart every lane; see `VectorWorld.reset`."""
        seeds = one_seed_each(seeds, self.lanes)
        return np.concatenate(
            [world.reset(seeds[rows]) for world, rows in zip(self.worlds, self._rows, strict=True)]
        )

    def step(self, actions: NDArray[Any]) -> Step:
        """Step the worlds one after another; see `VectorWorld.step`."""
        steps = [
            world.step(actions[rows]) for world, rows in zip(self.worlds, self._rows, strict=True)
        ]
        ended = NO_LANES
        some = [step for step in steps if step.ended.size]
        if some:
            ended = np.concatenate(
                [step.ended + rows.start for step, rows in zip(steps, self._rows, strict=True)]
            )
        some = some or steps[:1]
        return Step(
            np.concatenate([step.observation for step in steps]),
            np.concatenate([step.reward for step in steps]),
            np.concatenate([step.terminated for step in steps]),
            np.concatenate([step.truncated for step in steps]),
            ended,
            np.concatenate([step.final_observation for step in some]),
            {name: np.concatenate([step.info[name] for step in some]) for name in self.metrics},
        )

    def restart(self, lanes: Lanes) -> NDArray[Any]:
        """Begin the next episodes of these lanes; see `VectorWorld.restart`."""
        parts = [self.worlds[place].restart(own) for place, own in self._runs(lanes)]
        return np.concatenate(parts or [self.worlds[0].restart(NO_LANES)])

    def select(self, lanes: Lanes) -> VectorWorld:
        """Return a world of these lanes; see `VectorWorld.select`."""
        return join_worlds([self._selected(place, own) for place, own in self._runs(lanes)])

    def state_dict(self) -> State:
        """Return the state of each world, and its number of lanes."""
        return {
            _PARTS: [{"lanes": world.lanes, "state": world.state_dict()} for world in self.worlds]
        }

    def state_of(self, lanes: Lanes) -> State:
        """Return the state of these lanes, of whole worlds; see `VectorWorld.state_of`."""
        runs = self._runs(lanes)
        if len(runs) == 1:
            return self._state(*runs[0])
        return {
            _PARTS: [{"lanes": len(own), "state": self._state(place, own)} for place, own in runs]
        }

    def load_state_dict(self, state: State) -> None:
        """Restore the state of worlds of as many lanes; see `VectorWorld.load_state_dict`."""
        for world, part in zip(self.worlds, state[_PARTS], strict=True):
            world.load_state_dict(part["state"])

    def expert(self) -> Advice:
        """Consult the experts of all worlds; see `VectorWorld.expert`."""
        advice = [world.expert() for world in self.worlds]
        policies = [each.policy for each in advice if each.policy is not None]
        return Advice(
            np.concatenate([each.action for each in advice]),
            np.concatenate([each.available for each in advice]),
            np.concatenate(policies) if policies else None,
        )

    def render(self, lane: int) -> NDArray[np.uint8]:
        """Draw the present state of a lane; see `VectorWorld.render`."""
        ((place, own),) = self._runs(np.array([lane]))
        return self.worlds[place].render(int(own[0]))

    def close(self) -> None:
        """Close all worlds."""
        for world in self.worlds:
            world.close()

    def _runs(self, lanes: Lanes) -> list[tuple[int, Lanes]]:
        """Return successive lanes of one world together: its place, and its lanes."""
        ends = [rows.stop for rows in self._rows]
        places = np.searchsorted(ends, lanes, side="right")
        found = groupby(zip(places.tolist(), lanes.tolist(), strict=True), key=lambda pair: pair[0])
        return [
            (place, np.array([lane for _, lane in pairs]) - self._rows[place].start)
            for place, pairs in found
        ]

    def _selected(self, place: int, lanes: Lanes) -> VectorWorld:
        world = self.worlds[place]
        return world if _is_whole(world, lanes) else world.select(lanes)

    def _state(self, place: int, lanes: Lanes) -> State:
        world = self.worlds[place]
        return world.state_dict() if _is_whole(world, lanes) else world.state_of(lanes)


def _is_whole(world: VectorWorld, lanes: Lanes) -> bool:
    return np.array_equal(lanes, np.arange(world.lanes))


def _parts(world: VectorWorld) -> list[VectorWorld]:
    return world.worlds if isinstance(world, SideBySide) else [world]


def joins_itself(kind: type[VectorWorld]) -> bool:
    """Return whether the class has a `joined` that fits its `select`.

    A class that inherits `joined` and has a `select` of its own has more state than `joined` joins.
    """
    owners = [next(c for c in kind.__mro__ if name in vars(c)) for name in ("joined", "select")]
    return owners[0] is not VectorWorld and issubclass(*owners)
