"""What a batch of environments is: one protocol for array programs and for adapters.

Shapes: K members of a pack, N lanes of a member, L = K*N lanes in all (lane n of member k is k*N +
n), E lanes whose episode ended in this step, A numbers of a continuous action.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

Lanes: TypeAlias = NDArray[np.int64]
State: TypeAlias = dict[str, Any]

NO_LANES: Lanes = np.empty(0, np.int64)
"""What `Step.ended` is when no episode ended; shared, so never write to it."""


class Step(NamedTuple):
    """What all lanes answer to one action each. The next call of the world may reuse every array in
    it.

    Where the observation space is a Dict, an observation is one row of numbers: its entries one
    after another (see `segue.worlds.adapters.spaces.fields`).
    """

    observation: NDArray[Any]
    """[L, ...] what the policy acts on next: where an episode ended, already the first observation of the next one."""
    reward: NDArray[np.float32]
    """[L]"""
    terminated: NDArray[np.bool_]
    """[L] the task itself ended: nothing comes after, so nothing is bootstrapped."""
    truncated: NDArray[np.bool_]
    """[L] a limit ended the episode: bootstrap from the final observation. May be true together with `terminated`."""
    ended: Lanes
    """[E] the lanes, ascending, that terminated or were truncated."""
    final_observation: NDArray[Any]
    """[E, ...] the last observation of those episodes, which `observation` no longer holds."""
    info: Mapping[str, NDArray[np.float32]]
    """For each name in `World.metrics`, [E] numbers about those episodes."""


class Advice(NamedTuple):
    """What an expert would do in each lane. The next call of the world may reuse both arrays."""

    action: NDArray[Any]
    """int64 [L] for a discrete action space, float32 [L, A] for a continuous one; any action where not available."""
    available: NDArray[np.bool_]
    """[L] whether the expert knows what to do here."""
    policy: NDArray[np.float32] | None = None
    """[L, A] the probabilities of a discrete expert's actions; None where it always takes `action`."""


WITH_EXPERTS = (
    "CartPole-v1, PoisonedDoors-v0, MiniGrid's Empty, DoorKey, LavaCrossing, SimpleCrossing and"
    " FourRooms, and the levels of BabyAI"
)
"""In words, what `segue.worlds.registry.worlds_with_experts` lists."""


class World(ABC):
    """L environments, stepped together, each a function of its own seed and its own actions alone.

    A world is made for `members * lanes` lanes; a class whose constructor takes `(members, lanes)`
    can itself be passed wherever a world is asked for. An episode that ends is followed by the next
    one in the same step.
    """

    single_observation_space: gymnasium.Space[Any]
    single_action_space: gymnasium.Space[Any]
    metrics: tuple[str, ...] = ()
    has_expert: bool = False
    lanes: int

    @abstractmethod
    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[Any]:
        """Begin anew: lane i draws everything from `seeds[i]` ([L]). Returns the first observations
        [L, ...].
        """

    @abstractmethod
    def step(self, actions: NDArray[Any]) -> Step:
        """Act in every lane at once: int64 [L] for a discrete action space, float32 [L, A] for a
        continuous one.
        """

    @abstractmethod
    def restart(self, lanes: Lanes) -> NDArray[Any]:
        """Abandon the running episodes of these lanes (each named once) and begin the next ones, as
        if they had ended.

        Returns the first observations of these lanes, [len(lanes), ...]. Other lanes notice
        nothing.
        """

    @abstractmethod
    def select(self, lanes: Lanes) -> "World":
        """Return a world of these lanes alone, in this order, each going on bit for bit.

        This one must not be stepped again, but other lanes may still be selected from it: so a pack
        is parted.
        """

    @abstractmethod
    def state_dict(self) -> State:
        """Return copies of all that the lanes' future depends on: arrays, numbers, text, lists and
        dicts of them.
        """

    @abstractmethod
    def load_state_dict(self, state: State) -> None:
        """Go on, bit for bit, where a world of as many lanes stood when `state` was taken."""

    def expert(self) -> Advice:
        """Return what an expert would do in every lane, in the state that the lanes stand in now.

        Asking changes nothing that the lanes go through: an expert that acts at random has streams
        of its own, which `select` and `state_dict` carry along. Raises ValueError where
        `has_expert` is false.
        """
        raise ValueError(
            f"The world {type(self).__name__} has no expert: choose one that has, which are"
            f" {WITH_EXPERTS}."
        )

    def render(self, lane: int) -> NDArray[np.uint8]:
        """Return a picture of where the lane stands now, `[height, width, 3]` of red, green and
        blue.

        Drawing changes nothing. Raises ValueError for a world that cannot be drawn.
        """
        raise ValueError(
            f"The world {type(self).__name__} cannot be drawn: it has no render method."
        )

    def close(self) -> None:  # noqa: B027  (most worlds hold nothing that needs closing)
        """Give back what the world holds outside of memory."""


WorldFactory: TypeAlias = Callable[[int, int], World]
"""(members, lanes of a member) -> a world of members * lanes lanes."""


def one_seed_each(seeds: NDArray[np.uint64], lanes: int) -> NDArray[np.uint64]:
    """Return `seeds` as uint64 [lanes]; ValueError when they are more or fewer than the lanes."""
    seeds = np.asarray(seeds, np.uint64)
    if seeds.shape != (lanes,):
        raise ValueError(
            f"A world of {lanes} lanes was reset with seeds of shape {seeds.shape}: pass one seed"
            " per lane."
        )
    return seeds
