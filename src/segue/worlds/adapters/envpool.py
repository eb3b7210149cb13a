"""EnvPool's environments (Weng et al., NeurIPS 2022): C++, much faster than Python, no experts."""

import warnings
from collections.abc import Callable, Mapping
from copy import copy
from importlib import import_module
from typing import Any

import numpy as np
from gymnasium.spaces import Dict, MultiDiscrete, Space
from numpy.typing import NDArray

from segue.base.text import error_text
from segue.worlds.adapters.missions import VOCABULARY, most_words, word_numbers
from segue.worlds.adapters.replay import ActionLog
from segue.worlds.adapters.spaces import action_view, fields, observation_view, row_dtype, row_shape
from segue.worlds.array.minigrid.view import view_space
from segue.worlds.seeds import LaneStreams, environment_seeds, uses_of
from segue.worlds.world import NO_LANES, Lanes, State, Step, VectorWorld, one_seed_each

PREFIX = "envpool/"
_MISSION = "mission"
_IMAGE = "image"


class EnvPoolWorld(VectorWorld):
    """An environment of EnvPool in `members * lanes` lanes.

    Each lane is a function of its own seed and actions. An environment cannot be saved, so that
    `state_dict` contains every action since `reset`, a byte each where there are few, and
    `load_state_dict` replays all of them: a million steps of 8 lanes are a megabyte and take about
    24 s. Dictionaries are observed as one row of numbers, missions as their words by number. Metric
    of MiniGrid and BabyAI: `success`, a positive reward.
    """

    def __init__(
        self, env_id: str, members: int, lanes: int, *, kwargs: Mapping[str, Any] | None = None
    ) -> None:
        """Make the environments, with keyword arguments of `envpool.make`.

        Raises ValueError for a missing EnvPool, id, argument or supported space.
        """
        self._env_id = env_id
        self._kwargs = dict(kwargs or {})
        self.lanes = members * lanes
        pool = _make(env_id, np.zeros(1, np.int64), self._kwargs)
        self.single_observation_space, self._write_observation = _view(
            pool.observation_space, env_id, most_words(env_id)
        )
        self.single_action_space, self._as_native = action_view(pool.action_space, env_id)
        self.metrics = ("success",) if env_id.startswith(("MiniGrid-", "BabyAI-")) else ()
        shape = row_shape(self.single_observation_space)
        dtype = row_dtype(self.single_observation_space)
        self._observation: NDArray[Any] = np.zeros((self.lanes, *shape), dtype)
        self._pool = pool
        self._ids = np.arange(self.lanes, dtype=np.int32)
        self._seeds = np.zeros(self.lanes, np.uint64)
        self._log = ActionLog(self.lanes, self.single_action_space)

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[Any]:
        """Begin an episode in every lane; see `VectorWorld.reset`."""
        self._seeds = one_seed_each(seeds, self.lanes).copy()
        self._log = ActionLog(self.lanes, self.single_action_space)
        small = environment_seeds(self._seeds, uses_of(self._seeds))
        self._pool = _make(self._env_id, small.astype(np.int64), self._kwargs)
        self._ids = np.arange(self.lanes, dtype=np.int32)
        self._begin(np.arange(self.lanes))
        return self._observation

    def step(self, actions: NDArray[Any]) -> Step:
        """Step all lanes at once; see `VectorWorld.step`."""
        self._log.add(actions)
        return self._step(actions)

    def restart(self, lanes: Lanes) -> NDArray[Any]:
        """Begin the next episodes of these lanes; see `VectorWorld.restart`."""
        self._log.restart(lanes)
        self._begin(lanes)
        return self._observation[lanes]

    def select(self, lanes: Lanes) -> "EnvPoolWorld":
        """Return a world of these lanes of the same pool; see `VectorWorld.select`."""
        selected = copy(self)
        selected.lanes = len(lanes)
        selected._ids = self._ids[lanes]
        selected._seeds = self._seeds[lanes]
        selected._log = self._log.select(lanes)
        selected._observation = self._observation[lanes]
        return selected

    def state_dict(self) -> State:
        """Return the seeds and all actions; see `VectorWorld.state_dict`."""
        return {
            "streams": LaneStreams(self._seeds).state_dict(),  # for the check of the lanes' number
            "seeds": self._seeds.astype(np.int64),
            "history": self._log.state_dict(),
            "observation": self._observation.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Replay all actions; see `VectorWorld.load_state_dict`.

        Raises RuntimeError when the replay leads to other observations.
        """
        LaneStreams(self._seeds).load_state_dict(state["streams"])
        self.reset(np.array(state["seeds"], np.int64).astype(np.uint64))
        log = ActionLog(self.lanes, self.single_action_space)
        log.load_state_dict(state["history"])
        log.replay(self._step, self._begin)
        self._log = log
        if not np.array_equal(self._observation, state["observation"], equal_nan=True):
            raise RuntimeError(
                f"The world {PREFIX + self._env_id!r} cannot be restored: the same seeds and"
                " actions led to other observations, so start its trial from scratch."
            )

    def _step(self, actions: NDArray[Any]) -> Step:
        raw, reward, terminated, truncated, _ = self._pool.step(
            self._as_native(actions), env_id=self._ids
        )
        self._write_observation(raw, self._observation, None)
        ended = np.flatnonzero(terminated | truncated)
        reward = np.asarray(reward, np.float32)
        if not ended.size:
            none = dict.fromkeys(self.metrics, reward[:0])
            return Step(
                self._observation,
                reward,
                terminated,
                truncated,
                NO_LANES,
                self._observation[:0],
                none,
            )
        final = self._observation[ended]
        info = dict.fromkeys(self.metrics, (reward[ended] > 0).astype(np.float32))
        self._begin(ended)
        return Step(self._observation, reward, terminated, truncated, ended, final, info)

    def _begin(self, lanes: Lanes) -> None:
        """Start the next episode in these lanes; EnvPool would otherwise spend a step on it."""
        if lanes.size:
            raw, _ = self._pool.reset(env_id=self._ids[lanes])
            self._write_observation(raw, self._observation, lanes)


def _make(env_id: str, seeds: NDArray[np.int64], kwargs: Mapping[str, Any]) -> Any:
    try:
        envpool = import_module("envpool")
    except ImportError as error:
        raise ValueError(
            f"The world {PREFIX + env_id!r} needs EnvPool, which is not installed: run `pip install"
            " 'segue[envpool]'`."
        ) from error
    try:
        with warnings.catch_warnings():
            # A box warns about the precision of its bounds when its space is first read.
            warnings.simplefilter("ignore")
            pool = envpool.make(
                env_id,
                env_type="gymnasium",
                num_envs=len(seeds),
                seed=seeds.tolist(),
                num_threads=1,
                **kwargs,
            )
            pool.observation_space, pool.action_space  # noqa: B018
            return pool
    except AssertionError as error:
        raise ValueError(
            f"EnvPool has no environment {env_id!r}: `envpool.list_all_envs()` lists them."
        ) from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"EnvPool cannot make {env_id!r} with {dict(kwargs)!r} ({error_text(error)})."
        ) from error


WriteObservation = Callable[[Any, NDArray[Any], Lanes | None], None]
"""Writes the observations of lanes (None: all) into an array [L, ...].

Missions are read only where an episode begins.
"""


def _view(space: Space[object], env_id: str, words: int) -> tuple[Space[object], WriteObservation]:
    """Return the space that a policy observes, and the function that writes its observations."""
    if not isinstance(space, Dict):
        seen, convert = observation_view(space, env_id)

        def write(raw: Any, into: NDArray[Any], lanes: Lanes | None) -> None:
            into[slice(None) if lanes is None else lanes] = convert(raw)

        return seen, write
    entries = {
        name: observation_view(entry, env_id)
        for name, entry in space.spaces.items()
        if name != _MISSION
    }
    spaces = {name: entry for name, (entry, _) in entries.items()}
    if _MISSION in space.spaces and _IMAGE in spaces:  # of MiniGrid and BabyAI
        spaces[_IMAGE] = view_space(*(spaces[_IMAGE].shape or ())[:2])
    if _MISSION in space.spaces:
        spaces[_MISSION] = MultiDiscrete(np.full(words, VOCABULARY))
    whole = Dict(spaces)
    parts = fields(whole)

    def write_row(raw: Any, into: NDArray[Any], lanes: Lanes | None) -> None:
        where = np.arange(len(into)) if lanes is None else lanes
        for part in parts:
            if part.name != _MISSION:
                values = entries[part.name][1](raw[part.name])
                into[where, part.start : part.stop] = values.reshape(len(where), -1)
            elif lanes is not None:
                missions = [
                    word_numbers(bytes(text).rstrip(b"\0").decode(), words)
                    for text in raw[_MISSION]
                ]
                into[where, part.start : part.stop] = missions

    return whole, write_row
