"""The protocol of a batch of environments, for array programs and for adapters.

Shapes: K members of a pack, N lanes of a member, L = K*N lanes in all (lane n of member k has
the index k*N + n), E lanes whose episode ended in this step, A dimensions of a continuous action.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.plan.world import World

Lanes: TypeAlias = NDArray[np.int64]
State: TypeAlias = dict[str, Any]

NO_LANES: Lanes = np.empty(0, np.int64)
"""The value of `Step.ended` when no episode ended; shared, and therefore never written to."""


class Step(NamedTuple):
    """The result of one action in each lane. The next call of the world may overwrite every array.

    Where the observation space is a Dict, an observation is one row of numbers: its entries one
    after another (see `segue.worlds.adapters.spaces.fields`).
    """

    observation: NDArray[Any]
    """[L, ...] The observations for the next actions.

    Where an episode ended, it is the first observation of the next one.
    """
    reward: NDArray[np.float32]
    """[L] The rewards of the actions."""
    terminated: NDArray[np.bool_]
    """[L] Whether the task itself ended, so that no value is bootstrapped."""
    truncated: NDArray[np.bool_]
    """[L] Whether a limit ended the episode: the value of the final observation is bootstrapped.

    May be true together with `terminated`.
    """
    ended: Lanes
    """[E] The lanes, ascending, that terminated or were truncated."""
    final_observation: NDArray[Any]
    """[E, ...] The last observations of those episodes, which `observation` does not contain."""
    info: Mapping[str, NDArray[np.float32]]
    """For each name in `VectorWorld.metrics`, [E] values of those episodes."""


class Advice(NamedTuple):
    """The expert's action in each lane. The next call of the world may overwrite both arrays."""

    action: NDArray[Any]
    """As `VectorWorld.step` takes them: int64 [L], int64 [L, A] or float32 [L, A].

    Arbitrary where not available.
    """
    available: NDArray[np.bool_]
    """[L] Whether the expert has an action in this state."""
    policy: NDArray[np.float32] | None = None
    """[L, A] The probabilities of a discrete expert's actions; None if it always takes `action`."""


WITH_EXPERTS = (
    "CartPole-v1, PoisonedDoors-v0, MiniGrid's Empty, DoorKey, LavaCrossing, SimpleCrossing and"
    " FourRooms, and the levels of BabyAI"
)
"""The worlds that `segue.worlds.registry.worlds_with_experts` lists, as text."""


class VectorWorld(ABC):
    """L environments that are stepped together, each a function of its own seed and actions alone.

    A world is made for `members * lanes` lanes; a class whose constructor takes `(members, lanes)`
    can itself be passed as a world. An episode that ends is followed by the next one in the same
    step.
    """

    single_observation_space: gymnasium.Space[object]
    single_action_space: gymnasium.Space[object]
    metrics: tuple[str, ...] = ()
    has_expert: bool = False
    lanes: int

    @abstractmethod
    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[Any]:
        """Restart every lane and return the first observations, [L, ...].

        All that lane i draws follows from `seeds[i]`; `seeds` is uint64 [L].
        """

    @abstractmethod
    def step(self, actions: NDArray[Any]) -> Step:
        """Act in every lane at once.

        `actions` is int64 [L] for a Discrete action space, int64 [L, A] for a MultiDiscrete or
        MultiBinary one, float32 [L, A] for a continuous one.
        """

    @abstractmethod
    def restart(self, lanes: Lanes) -> NDArray[Any]:
        """Abandon the running episodes of these distinct lanes and begin the next ones.

        The lanes then stand as if their episodes had ended; other lanes are not affected. Returns
        the first observations of these lanes, [len(lanes), ...].
        """

    @abstractmethod
    def select(self, lanes: Lanes) -> "VectorWorld":
        """Return a world of these lanes alone, in this order, each continuing bit for bit.

        This world must not be stepped again, but other lanes may still be selected from it. This is
        how a pack is split.
        """

    @classmethod
    def joined(cls, worlds: "Sequence[Any]") -> "VectorWorld | None":
        """Return one world of all lanes of these, in order, each continuing bit for bit.

        This is how packs of several trials are joined. The worlds are of this class and were made
        with the same arguments; they are not stepped any more, unless they are reset first. None,
        the default, has them stepped side by side: override it where all lanes can be held in one
        set of arrays. `select` must then leave the world as it is.
        """
        return None

    def state_of(self, lanes: Lanes) -> State:
        """Return the state of some lanes: the `state_dict` of a world that `select` returns.

        The world, which is one that `joined` has returned, continues.
        """
        return self.select(lanes).state_dict()

    @abstractmethod
    def state_dict(self) -> State:
        """Return a copy of all state that the lanes' future depends on.

        It contains arrays, numbers, text, and lists and dictionaries of them.
        """

    @abstractmethod
    def load_state_dict(self, state: State) -> None:
        """Restore, bit for bit, the state of a world of as many lanes."""

    def expert(self) -> Advice:
        """Return the expert's action in the present state of every lane.

        The call does not change the course of the lanes: an expert that acts at random has its own
        streams, which `select` and `state_dict` include. Raises ValueError where `has_expert` is
        false.
        """
        raise ValueError(
            f"The world {type(self).__name__} has no expert: choose a world with one, such as"
            f" {WITH_EXPERTS}."
        )

    def render(self, lane: int) -> NDArray[np.uint8]:
        """Return a picture of a lane's present state, uint8 `[height, width, 3]`: red, green, blue.

        Drawing changes no state. Raises ValueError for a world that cannot be drawn.
        """
        raise ValueError(
            f"The world {type(self).__name__} cannot be drawn: it has no render method."
        )

    def close(self) -> None:  # noqa: B027  (most worlds hold nothing that needs closing)
        """Release the resources that the world holds outside of memory."""


WorldFactory: TypeAlias = Callable[[int, int], VectorWorld]
"""Returns a world of members * lanes lanes, for the arguments (members, lanes of a member)."""

AnyWorld: TypeAlias = str | World | WorldFactory
"""A world as it is given: by name, as a value, or as a function that makes it."""


def one_seed_each(seeds: NDArray[np.uint64], lanes: int) -> NDArray[np.uint64]:
    """Return `seeds` as uint64 [lanes]; raise ValueError for another number of seeds."""
    seeds = np.asarray(seeds, np.uint64)
    if seeds.shape != (lanes,):
        raise ValueError(
            f"A world of {lanes} lanes was reset with seeds of shape {seeds.shape}: pass one seed"
            " per lane."
        )
    return seeds
