"""Gymnasium environments as worlds: one vector environment for each member."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from itertools import accumulate, groupby
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict
from numpy.typing import NDArray

from segue.worlds.adapters.camera import Camera
from segue.worlds.adapters.environments import (
    Recipe,
    RowObservation,
    VectorEnvironment,
    read_metric,
)
from segue.worlds.adapters.spaces import (
    action_view,
    observation_view,
    row_dtype,
    row_shape,
)
from segue.worlds.seeds import LaneStreams, environment_seeds, uses_of
from segue.worlds.world import NO_LANES, Lanes, State, Step, VectorWorld, one_seed_each


class GymnasiumWorld(VectorWorld):
    """A registered Gymnasium environment in `members * lanes` lanes.

    Every episode begins with `reset(seed=...)`, its seed below 2**31 and drawn from the lane's own
    stream; so that a lane is independent of the others, and its state is its episode's seed and the
    actions since.
    `state_dict` contains these and `load_state_dict` replays them, at the price of stepping each
    running episode from its beginning. This holds for environments that are deterministic given
    seed and actions and carry no state from one episode to the next.

    Continuous actions are clipped to the environment's bounds; see `segue.worlds.adapters.spaces`
    for what a policy observes.
    """

    def __init__(
        self,
        env_id: str,
        members: int,
        lanes: int,
        *,
        metrics: tuple[str, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        wrappers: Sequence[Callable[[Any], Any]] = (),
        max_episode_steps: int | None = None,
    ) -> None:
        """Make the environments.

        `metrics` names numbers in the info of an episode's last step; "success" is also found as
        "is_success". The other arguments are those of `segue.World`. Raises ValueError when the
        environment cannot be made or has spaces that no policy supports.
        """
        self.env_id = env_id
        self.metrics = metrics
        self.recipe = Recipe(env_id, dict(kwargs or {}), tuple(wrappers), max_episode_steps)
        self._camera: Camera | None = None  # made when a picture is requested
        self._released: dict[int, gymnasium.Env[Any, Any]] = {}
        self._hold(
            [VectorEnvironment([self._make() for _ in range(lanes)]) for _ in range(members)]
        )
        first = self._vectors[0]
        self.single_observation_space, self._as_observation = observation_view(
            first.single_observation_space, env_id
        )
        if first.envs[0].has_wrapper_attr("entries"):
            self.single_observation_space = first.envs[0].get_wrapper_attr("entries")
        self.single_action_space, self._as_native = action_view(first.single_action_space, env_id)
        shape = row_shape(self.single_observation_space)
        dtype = row_dtype(self.single_observation_space)
        self._observation: NDArray[Any] = np.zeros((self.lanes, *shape), dtype)
        self._streams = LaneStreams(np.zeros(self.lanes, np.uint64))
        self._uses = np.zeros(self.lanes, np.uint64)
        self._episode_seeds = np.zeros(self.lanes, np.uint64)
        self._actions: list[list[Any]] = [[] for _ in range(self.lanes)]

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[Any]:
        """Begin an episode in every lane; see `VectorWorld.reset`."""
        seeds = one_seed_each(seeds, self.lanes)
        self._streams = LaneStreams(seeds)
        self._uses = uses_of(seeds)
        self._begin(np.arange(self.lanes))
        return self._observation

    def step(self, actions: NDArray[Any]) -> Step:
        """Step the environments one after the other; see `VectorWorld.step`.

        Raises ValueError when an episode ends without one of the world's metrics in its info.
        """
        for log, action in zip(self._actions, actions.copy(), strict=True):
            log.append(action)
        infos = self._step_vectors(self._as_native(actions))
        ended = np.flatnonzero(self._terminated | self._truncated)
        if not ended.size:
            none = dict.fromkeys(self.metrics, self._reward[:0])
            return self._result(NO_LANES, self._observation[:0], none)
        final = self._observation[ended]
        info = {name: self._read(name, infos, ended) for name in self.metrics}
        self._begin(ended)
        return self._result(ended, final, info)

    def restart(self, lanes: Lanes) -> NDArray[Any]:
        """Begin the next episodes of these lanes; see `VectorWorld.restart`."""
        self._begin(lanes)
        return self._observation[lanes]

    def select(self, lanes: Lanes) -> "GymnasiumWorld":
        """Move the environments of these lanes to a new world; see `VectorWorld.select`.

        The others stay for later selections.
        """
        selected = copy(self)
        environments = self._release()
        members = np.repeat(
            np.arange(len(self._vectors)), [vector.num_envs for vector in self._vectors]
        )
        groups = [
            list(group) for _, group in groupby(lanes.tolist(), key=lambda lane: members[lane])
        ]
        selected._released = {}
        selected._camera = None
        selected._hold(
            [
                VectorEnvironment(
                    [environments.pop(lane) for lane in group], self._observation[group]
                )
                for group in groups
            ]
        )
        selected._observation = self._observation[lanes]
        selected._streams = self._streams.select(lanes)
        selected._uses = self._uses[lanes]
        selected._episode_seeds = self._episode_seeds[lanes]
        selected._actions = [self._actions[lane] for lane in lanes]
        return selected

    def state_dict(self) -> State:
        """Return the running episodes' seeds and actions; see `VectorWorld.state_dict`."""
        actions = [action for log in self._actions for action in log]
        shape = self.single_action_space.shape or ()
        return {
            "streams": self._streams.state_dict(),
            "uses": self._uses.astype(np.int64),
            "episode_seeds": self._episode_seeds.astype(np.int64),
            "episode_steps": np.array([len(log) for log in self._actions], np.int64),
            "actions": np.array(actions, self.single_action_space.dtype).reshape(-1, *shape),
            "observation": self._observation.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Replay the running episodes of `state`; see `VectorWorld.load_state_dict`.

        Raises RuntimeError when an environment's replay leads to another observation.
        """
        self._streams.load_state_dict(state["streams"])
        self._uses = np.array(state["uses"], np.int64).astype(np.uint64)
        self._episode_seeds = np.array(state["episode_seeds"], np.int64).astype(np.uint64)
        self._restart(np.arange(self.lanes))
        ends = list(accumulate(np.asarray(state["episode_steps"]).tolist()))
        for lane, environment in enumerate(self._environments()):
            steps = slice(ends[lane - 1] if lane else 0, ends[lane])
            self._replay(lane, environment, np.array(state["actions"][steps]))
        if not np.array_equal(self._observation, state["observation"], equal_nan=True):
            raise RuntimeError(
                f"The world {self.env_id!r} cannot be restored: the same seeds and actions"
                " led to other observations, so start its trial from scratch."
            )

    def render(self, lane: int) -> NDArray[np.uint8]:
        """Draw as the environment itself does, in a second one that replays the episode.

        See `VectorWorld.render`.
        """
        if self._camera is None:
            self._camera = Camera(self.recipe, self._as_native)
        return self._camera.picture(int(self._episode_seeds[lane]), self._actions[lane])

    def close(self) -> None:
        """Close the environments that have not been moved to another world."""
        if self._camera is not None:
            self._camera.close()
        for vector in self._vectors:
            vector.close()
        for environment in self._released.values():
            environment.close()

    def _make(self) -> "gymnasium.Env[Any, Any]":
        """Make the environment of one lane; a subclass may wrap it."""
        environment = self.recipe.make()
        return (
            RowObservation(environment, self.env_id)
            if isinstance(environment.observation_space, Dict)
            else environment
        )

    def _hold(self, vectors: "list[VectorEnvironment]") -> None:
        """Adopt vector environments, whose lanes follow one another."""
        ends = list(accumulate(vector.num_envs for vector in vectors))
        self._vectors = vectors
        self.lanes = ends[-1]
        self._rows = [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
        self._reward = np.zeros(self.lanes, np.float32)
        self._terminated, self._truncated = np.zeros((2, self.lanes), np.bool_)

    @property
    def first_environment(self) -> "gymnasium.Env[Any, Any]":
        """The environment of the first lane."""
        return self._vectors[0].envs[0]

    def _environments(self) -> "list[gymnasium.Env[Any, Any]]":
        return [environment for vector in self._vectors for environment in vector.envs]

    def _release(self) -> "dict[int, gymnasium.Env[Any, Any]]":
        """Return the environments that have not been moved to another world, by lane.

        The vector environments release them, and step no more.
        """
        if not self._released:
            self._released = dict(enumerate(self._environments()))
            for vector in self._vectors:
                vector.release()
        return self._released

    def _step_vectors(self, actions: NDArray[Any]) -> list[Mapping[str, Any]]:
        """Step every member's environments; return the infos of the lanes, [L]."""
        infos: list[Mapping[str, Any]] = []
        for vector, rows in zip(self._vectors, self._rows, strict=True):
            raw, self._reward[rows], self._terminated[rows], self._truncated[rows], by_lane = (
                vector.step(actions[rows])
            )
            self._observation[rows] = self._as_observation(raw)
            infos += by_lane.values()
        return infos

    def _result(
        self, ended: Lanes, final: NDArray[Any], info: dict[str, NDArray[np.float32]]
    ) -> Step:
        return Step(
            self._observation, self._reward, self._terminated, self._truncated, ended, final, info
        )

    def _read(
        self, name: str, infos: Sequence[Mapping[str, Any]], ended: Lanes
    ) -> NDArray[np.float32]:
        """Return a metric of the lanes whose episode ended, [E]."""
        values = np.array([read_metric(name, infos[lane]) for lane in ended], np.float32)
        if np.isnan(values).any():
            raise ValueError(
                f"An episode of the world {self.env_id!r} ended without {name!r} in its info:"
                " leave it out of the world's metrics or let the environment report it."
            )
        return values

    def _begin(self, lanes: Lanes) -> None:
        """Start the next episode in these lanes, each on a seed of its own."""
        drawn = self._streams.episode_seeds(lanes)
        self._episode_seeds[lanes] = environment_seeds(drawn, self._uses[lanes])
        self._restart(lanes)

    def _restart(self, lanes: Lanes) -> None:
        """Return to the beginning of these lanes' present episodes."""
        mask = np.zeros(self.lanes, np.bool_)
        mask[lanes] = True
        for vector, rows in zip(self._vectors, self._rows, strict=True):
            if mask[rows].any():
                seeds = self._episode_seeds[rows].tolist()
                raw, _ = vector.reset(seed=seeds, options={"reset_mask": mask[rows].copy()})
                self._observation[rows][mask[rows]] = self._as_observation(raw)[mask[rows]]
        for lane in lanes:
            self._actions[lane] = []

    def _replay(
        self, lane: int, environment: "gymnasium.Env[Any, Any]", actions: NDArray[Any]
    ) -> None:
        """Repeat the actions of a lane's running episode."""
        self._actions[lane] = list(actions)
        raw = None
        for action in self._as_native(actions):
            raw = environment.step(action)[0]
        if raw is not None:
            self._observation[lane] = self._as_observation(np.asarray(raw)[None])[0]
