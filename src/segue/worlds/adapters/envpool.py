"""EnvPool's environments, in C++: many times the speed of Python's, without experts (Weng et al.,
NeurIPS 2022).
"""

import warnings
from collections.abc import Callable
from copy import copy
from importlib import import_module
from typing import Any

import numpy as np
from gymnasium.spaces import Dict, MultiDiscrete, Space
from numpy.typing import NDArray

from segue.worlds.adapters.history import History
from segue.worlds.adapters.missions import VOCABULARY, most_words, tokens
from segue.worlds.adapters.spaces import action_view, fields, observation_view, row_dtype, row_shape
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import NO_LANES, Lanes, State, Step, World, one_seed_each

PREFIX = "envpool/"
_MISSION = "mission"
_USE_BITS = 61  # the bit from which a lane's seed names its use
_SEED_BITS = 29  # how much of the rest EnvPool's seeds can hold


class EnvPoolWorld(World):
    """An environment of EnvPool in `members * lanes` lanes, each a function of its own seed and
    actions.

    An environment cannot be saved. So `state_dict` holds every action since `reset`, a byte each
    where there are few, and `load_state_dict` plays all of them again: a million steps of 8 lanes
    are a megabyte and take about 24 s. Dictionaries are observed as one row of numbers, missions as
    their words by number. Metric of MiniGrid and BabyAI: `success`, a positive reward.
    """

    def __init__(self, env_id: str, members: int, lanes: int) -> None:
        """Raises ValueError where EnvPool is not installed, does not know the id, or has spaces for
        no policy here.
        """
        self._env_id = env_id
        self.lanes = members * lanes
        pool = _make(env_id, np.zeros(1, np.int64))
        self.single_observation_space, self._seen = _view(
            pool.observation_space, env_id, most_words(env_id)
        )
        self.single_action_space, self._acted = action_view(pool.action_space, env_id)
        self.metrics = ("success",) if env_id.startswith(("MiniGrid-", "BabyAI-")) else ()
        shape = row_shape(self.single_observation_space)
        dtype = row_dtype(self.single_observation_space)
        self._observation: NDArray[Any] = np.zeros((self.lanes, *shape), dtype)
        self._pool = pool
        self._ids = np.arange(self.lanes, dtype=np.int32)
        self._seeds = np.zeros(self.lanes, np.uint64)
        self._history = History(self.lanes, self.single_action_space)

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[Any]:
        """Begin an episode in every lane; see `World.reset`."""
        self._seeds = one_seed_each(seeds, self.lanes).copy()
        self._history = History(self.lanes, self.single_action_space)
        self._pool = _make(self._env_id, _small(self._seeds))
        self._ids = np.arange(self.lanes, dtype=np.int32)
        self._begin(np.arange(self.lanes))
        return self._observation

    def step(self, actions: NDArray[Any]) -> Step:
        """Step all lanes at once; see `World.step`."""
        self._history.add(actions)
        return self._step(actions)

    def restart(self, lanes: Lanes) -> NDArray[Any]:
        """Begin the next episodes of these lanes; see `World.restart`."""
        self._history.restart(lanes)
        self._begin(lanes)
        return self._observation[lanes]

    def select(self, lanes: Lanes) -> "EnvPoolWorld":
        """Keep these lanes of the same pool; see `World.select`."""
        kept = copy(self)
        kept.lanes = len(lanes)
        kept._ids = self._ids[lanes]
        kept._seeds = self._seeds[lanes]
        kept._history = self._history.select(lanes)
        kept._observation = self._observation[lanes]
        return kept

    def state_dict(self) -> State:
        """Return seeds and all actions; see `World.state_dict`."""
        return {
            "streams": LaneStreams(self._seeds).state_dict(),  # says of how many lanes this is
            "seeds": self._seeds.astype(np.int64),
            "history": self._history.state_dict(),
            "observation": self._observation.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Play everything again; see `World.load_state_dict`.

        Raises RuntimeError when the lanes do not come to the observations that they had.
        """
        LaneStreams(self._seeds).load_state_dict(state["streams"])
        self.reset(np.array(state["seeds"], np.int64).astype(np.uint64))
        history = History(self.lanes, self.single_action_space)
        history.load_state_dict(state["history"])
        history.replay(self._step, self._begin)
        self._history = history
        if not np.array_equal(self._observation, state["observation"], equal_nan=True):
            raise RuntimeError(
                f"The world {PREFIX + self._env_id!r} cannot go on where it was: the same seeds and"
                " actions led to other observations, so begin its trial anew."
            )

    def _step(self, actions: NDArray[Any]) -> Step:
        raw, reward, terminated, truncated, _ = self._pool.step(
            self._acted(actions), env_id=self._ids
        )
        self._seen(raw, self._observation, None)
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
        """Start the next episode in these lanes: EnvPool would otherwise spend a step on it."""
        if lanes.size:
            raw, _ = self._pool.reset(env_id=self._ids[lanes])
            self._seen(raw, self._observation, lanes)


def _make(env_id: str, seeds: NDArray[np.int64]) -> Any:
    try:
        envpool = import_module("envpool")
    except ImportError as error:
        raise ValueError(
            f"The world {PREFIX + env_id!r} needs EnvPool, which is not installed: run `pip install"
            " 'segue[envpool]'`."
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about the precision of its boxes' bounds, told where they are first read
            pool = envpool.make(
                env_id,
                env_type="gymnasium",
                num_envs=len(seeds),
                seed=seeds.tolist(),
                num_threads=1,
            )
            pool.observation_space, pool.action_space  # noqa: B018
            return pool
    except AssertionError as error:
        raise ValueError(
            f"EnvPool has no environment {env_id!r}: `envpool.list_all_envs()` lists them."
        ) from error


def _small(seeds: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Seeds that EnvPool takes: below 2**31, those of different uses still apart."""
    use = seeds >> np.uint64(_USE_BITS)
    own = (seeds ^ (seeds >> np.uint64(_SEED_BITS))) & np.uint64((1 << _SEED_BITS) - 1)
    return ((use << np.uint64(_SEED_BITS)) | own).astype(np.int64)


Seen = Callable[[Any, NDArray[Any], Lanes | None], None]
"""Writes what lanes (None: all) observe into an array [L, ...]; missions are read where an episode begins."""


def _view(space: Space[Any], env_id: str, words: int) -> tuple[Space[Any], Seen]:
    """Return the space that a policy sees, and how its observations are written."""
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
                told = [tokens(bytes(text).rstrip(b"\0").decode(), words) for text in raw[_MISSION]]
                into[where, part.start : part.stop] = told

    return whole, write_row
