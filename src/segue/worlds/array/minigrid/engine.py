"""MiniGrid as an array program: all lanes in one set of numpy operations, for every level."""

from collections.abc import Sequence

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid import rules, view
from segue.worlds.array.minigrid.cells import EMPTY, WALL
from segue.worlds.array.minigrid.drawing import draw_grid
from segue.worlds.array.minigrid.expert import ShortestPath
from segue.worlds.array.minigrid.level import Level
from segue.worlds.array.minigrid.levels.checks import at_least
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import NO_LANES, Advice, Lanes, State, Step, VectorWorld, one_seed_each

_TURNS = np.zeros(rules.ACTIONS, np.int64)
_TURNS[rules.LEFT] = -1
_TURNS[rules.RIGHT] = 1

_INNER = slice(view.MARGIN, -view.MARGIN)
# [A, A] The policies of experts that always take one action.
_ONE_HOT = np.eye(rules.ACTIONS, dtype=np.float32)
_WHIMS = np.uint64(0x57_48_49_4D_53)  # maps a seed to that of the expert's own stream


class MiniGrid(VectorWorld):
    """A level of MiniGrid in `members * lanes` lanes (Chevalier-Boisvert et al., NeurIPS 2023).

    Equal to the `minigrid` package in images, directions, rewards and ends on the same grids and
    actions; grids are drawn from the same distributions, by the lane's own stream. Observations are
    the egocentric images, uint8 [L, 7, 7, 3] (kind, colour, state of each cell; 0 where unseen).
    Reward 1 - 0.9 * steps / max_steps for success, else 0; truncated after `level.max_steps`.
    Metric: `success`.

    The expert, where the level has one, takes a shortest path; where the goal is `corrupt_within`
    actions away or fewer, it acts at random instead (uniformly, from streams of its own).
    """

    metrics = ("success",)

    def __init__(
        self,
        level: Level,
        members: int,
        lanes: int,
        *,
        corrupt_within: int = 0,
        max_episode_steps: int | None = None,
    ) -> None:
        """Make the lanes; `max_episode_steps` ends episodes before the level's own limit."""
        at_least(type(level).__name__, "corrupt_within", corrupt_within, 0)
        self.level = level
        self.lanes = members * lanes
        self.corrupt_within = corrupt_within
        self._most_steps = min(max_episode_steps or level.max_steps, level.max_steps)
        self.has_expert = level.has_expert
        self.single_observation_space = view.view_space()
        self.single_action_space = gymnasium.spaces.Discrete(rules.ACTIONS)
        self._width = level.width + 2 * view.MARGIN
        self._height = level.height + 2 * view.MARGIN
        self._ahead = view.AHEAD @ np.array([1, self._width])
        self._window = view.window_offsets(self._width)
        self._outcomes = rules.outcomes(level.prize)
        self._rewards = (1 - 0.9 * (np.arange(level.max_steps + 1) / level.max_steps)).astype(
            np.float32
        )
        self._first = np.arange(self.lanes) * (self._width * self._height)  # [L] start of each grid
        self._expert: ShortestPath | None = None  # made when it is first consulted
        self._streams = LaneStreams(np.zeros(self.lanes, np.uint64))
        self._whims = LaneStreams(np.zeros(self.lanes, np.uint64))
        self._cells = np.full((self.lanes, self._height, self._width), WALL, np.uint8)
        # [L] each, `_at` as an index in the grid.
        self._at, self._direction, self._steps = np.zeros((3, self.lanes), np.int64)
        self._carried = np.full(self.lanes, EMPTY, np.uint8)

    @property
    def directions(self) -> NDArray[np.int64]:
        """The direction in which each agent faces, [L]: right, down, left, up."""
        return self._direction

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """Begin an episode in every lane; see `VectorWorld.reset`."""
        self._streams = LaneStreams(one_seed_each(seeds, self.lanes))
        self._whims = LaneStreams(one_seed_each(seeds, self.lanes) ^ _WHIMS)
        every = np.arange(self.lanes)
        self._begin(every)
        return self._look(every)

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Turn, walk, pick up, drop or toggle in every lane; see `VectorWorld.step`."""
        ending = self._act(actions)
        self._steps += 1
        success = ending == rules.SUCCESS
        reward = self._rewards.take(self._steps) * success
        terminated = ending != rules.NO_END
        truncated = self._steps >= self._most_steps
        observation = self._look(slice(None))
        ended = np.flatnonzero(terminated | truncated)
        if not ended.size:
            return Step(
                observation,
                reward,
                terminated,
                truncated,
                NO_LANES,
                observation[:0],
                {"success": reward[:0]},
            )
        final = observation[ended]
        info = {"success": success[ended].astype(np.float32)}
        self._begin(ended)
        observation[ended] = self._look(ended)
        return Step(observation, reward, terminated, truncated, ended, final, info)

    def restart(self, lanes: Lanes) -> NDArray[np.uint8]:
        """Begin the next episodes of these lanes; see `VectorWorld.restart`."""
        if lanes.size:
            self._begin(lanes)
        return self._look(lanes)

    def expert(self) -> Advice:
        """Follow a shortest path, or act at random near the goal; see `VectorWorld.expert`."""
        if not self.has_expert:
            return super().expert()
        if self._expert is None:
            self._expert = ShortestPath(self.level, self.lanes, self.corrupt_within)
        y, x = np.divmod(self._at, self._width)
        place = (y - view.MARGIN) * self.level.width + x - view.MARGIN
        action, available, near = self._expert.guide(
            self._cells[:, _INNER, _INNER], self._carried, place, self._direction
        )
        if not self.corrupt_within:
            return Advice(action, available)
        whim = self._whims.uniform(np.arange(self.lanes), 1)[0] * rules.ACTIONS
        policy = np.where(near[:, None], np.float32(1 / rules.ACTIONS), _ONE_HOT[action])
        return Advice(np.where(near, whim.astype(np.int64), action), available, policy)

    def render(self, lane: int) -> NDArray[np.uint8]:
        """Draw the grid and the agent; see `VectorWorld.render`."""
        y, x = divmod(int(self._at[lane]), self._width)
        inner = self._cells[lane, _INNER, _INNER]
        margin = view.MARGIN
        return draw_grid(
            inner, x - margin, y - margin, int(self._direction[lane]), int(self._carried[lane])
        )

    def select(self, lanes: Lanes) -> "MiniGrid":
        """Return a world of these lanes; see `VectorWorld.select`."""
        selected = MiniGrid(
            self.level,
            1,
            len(lanes),
            corrupt_within=self.corrupt_within,
            max_episode_steps=self._most_steps,
        )
        selected._streams = self._streams.select(lanes)
        selected._whims = self._whims.select(lanes)
        selected._cells = self._cells[lanes]
        selected._at = self._at[lanes]
        selected._carried = self._carried[lanes]
        selected._direction = self._direction[lanes]
        selected._steps = self._steps[lanes]
        return selected

    @classmethod
    def joined(cls, worlds: "Sequence[MiniGrid]") -> "MiniGrid":
        """Return a world of all lanes; see `VectorWorld.joined`."""
        first = worlds[0]
        joined = MiniGrid(
            first.level,
            1,
            sum(world.lanes for world in worlds),
            corrupt_within=first.corrupt_within,
            max_episode_steps=first._most_steps,
        )
        joined._streams = LaneStreams.joined([world._streams for world in worlds])
        joined._whims = LaneStreams.joined([world._whims for world in worlds])
        for name in ("_cells", "_at", "_carried", "_direction", "_steps"):
            setattr(joined, name, np.concatenate([getattr(world, name) for world in worlds]))
        return joined

    def state_dict(self) -> State:
        """Return grids, agents, steps of the running episodes and random streams.

        See `VectorWorld.state_dict`.
        """
        return {
            "streams": self._streams.state_dict(),
            "whims": self._whims.state_dict(),
            "cells": self._cells.copy(),
            "at": self._at.copy(),
            "direction": self._direction.copy(),
            "carried": self._carried.copy(),
            "steps": self._steps.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore `state`; see `VectorWorld.load_state_dict`."""
        self._streams.load_state_dict(state["streams"])
        self._whims.load_state_dict(state["whims"])
        self._cells, self._carried = (
            np.array(state[name], np.uint8) for name in ("cells", "carried")
        )
        self._at, self._direction, self._steps = (
            np.array(state[name], np.int64) for name in ("at", "direction", "steps")
        )

    def _act(self, actions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Perform every agent's action; return how its episode ends, [L]."""
        cells = self._cells.reshape(-1)
        ahead = self._at + self._ahead.take(self._direction)
        front = self._first + ahead
        case = actions * rules.ACTION_STRIDE
        case += self._carried * np.int64(rules.CARRIED_STRIDE)
        case += cells.take(front)
        outcome = self._outcomes.take(case, axis=0)
        cells[front] = outcome[:, rules.FRONT]
        self._carried = outcome[:, rules.CARRIED]
        np.copyto(self._at, ahead, where=outcome[:, rules.MOVES].view(np.bool_))
        self._direction += _TURNS.take(actions)
        self._direction &= 3
        return outcome[:, rules.ENDING]

    def _look(self, lanes: Lanes | slice) -> NDArray[np.uint8]:
        """Return the images [L', 7, 7, 3] that these lanes' agents see."""
        window = self._window.take(self._direction[lanes], axis=0)
        window += (self._first[lanes] + self._at[lanes])[:, None]
        return view.look(
            self._cells.reshape(-1).take(window), self._carried[lanes], self.level.see_through_walls
        )

    def _begin(self, lanes: Lanes) -> None:
        """Start an episode in these lanes."""
        layout = self.level.draw(self._streams, lanes)
        self._cells[lanes, _INNER, _INNER] = layout.cells
        self._at[lanes] = (layout.y + view.MARGIN) * self._width + layout.x + view.MARGIN
        self._direction[lanes] = layout.direction
        self._carried[lanes] = EMPTY
        self._steps[lanes] = 0
