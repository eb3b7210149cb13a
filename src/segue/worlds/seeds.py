"""Random streams: a named stream for each use of a seed, and a counter-based generator per lane."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from segue.worlds.world import Lanes, State

Use = Literal["train", "evaluation", "held-out"]

_USE_SHIFT = np.uint64(61)
_BELOW_USE = np.uint64((1 << 61) - 1)
_ENVIRONMENT_BITS = np.uint64(29)  # of an environment's seed, besides the use
_BELOW_ENVIRONMENT = np.uint64((1 << 29) - 1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_U27, _U30, _U31, _U11, _U1 = (np.uint64(bits) for bits in (27, 30, 31, 11, 1))


def stream(seed: int, *names: str | int) -> np.random.SeedSequence:
    """Return the stream of `names` under `seed`, the same in every process and Python version.

    Streams with different names are independent, so that drawing more from one does not change
    another. The number 1 and the text "1" are different names. Raises ValueError when the seed is
    negative.

    >>> a, b = stream(7, "actions", 0), stream(7, "actions", 1)
    >>> bool((a.generate_state(2) == b.generate_state(2)).any())
    False
    """
    if seed < 0:
        raise ValueError(f"The seed is {seed}: choose one that is zero or more.")
    return np.random.SeedSequence(seed, spawn_key=[word for name in names for word in _words(name)])


def _words(name: str | int) -> list[int]:
    """Return two 32-bit words for a name.

    There are always two, since a spawn key does not record where one name ends and the next begins.
    """
    kind = "text" if isinstance(name, str) else "number"
    digest = sha256(f"{kind}:{name}".encode()).digest()
    return [int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")]


def lane_seeds(seed: int, use: Use, lanes: int) -> NDArray[np.uint64]:
    """Return one seed for each lane, uint64 [lanes], below 2**63.

    The two highest of the 63 bits encode the use, so that training, evaluation and held-out seeds
    never coincide, whatever the seeds they come from. The first n seeds do not depend on how many
    follow. Raises ValueError for an unknown use.
    """
    uses = get_args(Use)
    if use not in uses:
        raise ValueError(
            f"There are no seeds for the use {use!r}: choose one of {', '.join(uses)}."
        )
    drawn = stream(seed, "lanes", use).generate_state(lanes, np.uint64)
    return (drawn & _BELOW_USE) | (np.uint64(uses.index(use)) << _USE_SHIFT)


def uses_of(seeds: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the use that each of these lane seeds encodes, as a number below 4."""
    uses: NDArray[np.uint64] = (seeds >> _USE_SHIFT) & np.uint64(3)
    return uses


def environment_seeds(seeds: NDArray[np.uint64], uses: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return seeds below 2**31, which every generator of random numbers accepts.

    The two highest bits encode the use, so that no environment is trained on an episode on which
    it is evaluated. `np.random.seed` requires seeds below 2**32, and signed 32 bits are common.
    """
    own = (seeds ^ (seeds >> _ENVIRONMENT_BITS)) & _BELOW_ENVIRONMENT
    return (uses << _ENVIRONMENT_BITS) | own


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64 bits one to one (Stafford's variant 13 of MurmurHash3's finaliser), in place."""
    z ^= z >> _U30
    z *= _MULTIPLIERS[0]
    z ^= z >> _U27
    z *= _MULTIPLIERS[1]
    z ^= z >> _U31
    return z


class LaneStreams:
    """A random generator for each lane, which draws for any set of lanes at once.

    SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): a lane's
    state is a counter that grows by a constant at every draw, and a draw is the scrambled counter.
    A lane's draws depend on its seed and on how often it has drawn before, never on which other
    lanes exist or draw with it.
    """

    def __init__(self, seeds: NDArray[np.uint64]) -> None:
        self._counter = _mix(np.asarray(seeds, np.uint64) + _GOLDEN)

    def uniform(self, lanes: Lanes, count: int) -> NDArray[np.float64]:
        """Draw `count` numbers from [0, 1) in each of these distinct lanes: float64 [count, L']."""
        numbers: NDArray[np.float64] = (self._draw(lanes, count) >> _U11) * np.float64(2.0**-53)
        return numbers

    def episode_seeds(self, lanes: Lanes) -> NDArray[np.uint64]:
        """Draw an episode's seed in each of these distinct lanes: uint64 [lanes], below 2**63."""
        seeds: NDArray[np.uint64] = self._draw(lanes, 1)[0] >> _U1
        return seeds

    def select(self, lanes: Lanes) -> "LaneStreams":
        """Return the streams of these lanes, in this order, each in its present state."""
        selected = LaneStreams(np.empty(0, np.uint64))
        selected._counter = self._counter[lanes]
        return selected

    @classmethod
    def joined(cls, parts: "Sequence[LaneStreams]") -> "LaneStreams":
        """Return the streams of the lanes of all parts, in order, each in its present state."""
        joined = cls(np.empty(0, np.uint64))
        joined._counter = np.concatenate([part._counter for part in parts])
        return joined

    def state_dict(self) -> State:
        """Return the lanes' counters, as int64 because few formats support uint64."""
        return {"counter": self._counter.copy().view(np.int64)}

    def load_state_dict(self, state: State) -> None:
        """Restore the streams of `state`; raise ValueError for another number of lanes."""
        counter = np.array(state["counter"], np.int64).view(np.uint64)
        if counter.shape != self._counter.shape:
            raise ValueError(
                f"The state of {counter.size} lanes was loaded into {self._counter.size}: make the"
                " world with the members and lanes that it had."
            )
        self._counter = counter

    def _draw(self, lanes: Lanes, count: int) -> NDArray[np.uint64]:
        """Return uint64 [count, lanes] and advance these lanes' counters by `count` draws."""
        draws = self._counter[lanes] + _GOLDEN * np.arange(1, count + 1, dtype=np.uint64)[:, None]
        self._counter[lanes] = draws[-1]
        return _mix(draws)
