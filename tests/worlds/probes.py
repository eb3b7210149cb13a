"""Tiny array worlds that can fail for one reason only.

Each docstring says what a trained policy must find.
"""

from typing import Any, ClassVar

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space
from numpy.typing import NDArray

from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes, State, Step, VectorWorld, one_seed_each


class Probe(VectorWorld):
    """Episodes of `length` steps, each with a signal of -1 or 1 drawn when it begins.

    Subclasses define the reward.
    """

    length: ClassVar[int] = 1
    truncates: ClassVar[bool] = False
    single_observation_space: Space[Any] = Box(-np.inf, np.inf, (1,), np.float32)
    single_action_space: Space[Any] = Discrete(1)

    def __init__(self, members: int, lanes: int) -> None:
        self.lanes = members * lanes
        self._streams = LaneStreams(np.zeros(self.lanes, np.uint64))
        self._signal = np.ones(self.lanes, np.float32)
        self._time = np.zeros(self.lanes, np.int64)

    def observe(self) -> NDArray[np.float32]:
        """[L]: what each lane sees; nothing, unless a subclass shows it something."""
        return np.zeros(self.lanes, np.float32)

    def seen(self) -> NDArray[Any]:
        """Return the observations of all lanes, [L, ...]: one number, unless overridden."""
        return self.observe()[:, None]

    def rewards(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the rewards of this step, [L]: 1, unless a subclass overrides it.

        `_time` has not advanced yet.
        """
        return np.ones(self.lanes, np.float32)

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[np.float32]:
        self._streams = LaneStreams(one_seed_each(seeds, self.lanes))
        self._begin(np.arange(self.lanes))
        return self.seen()

    def step(self, actions: NDArray[Any]) -> Step:
        reward = self.rewards(actions)
        self._time += 1
        over = self._time >= self.length
        ended = np.flatnonzero(over)
        final = self.seen()[ended]
        self._begin(ended)
        never = np.zeros(self.lanes, np.bool_)
        terminated, truncated = (never, over) if self.truncates else (over, never)
        info = dict.fromkeys(self.metrics, reward[ended])
        return Step(self.seen(), reward, terminated, truncated, ended, final, info)

    def restart(self, lanes: Lanes) -> NDArray[np.float32]:
        self._begin(lanes)
        return self.seen()[lanes]

    def select(self, lanes: Lanes) -> "Probe":
        kept = type(self)(1, len(lanes))
        kept._streams = self._streams.select(lanes)
        kept._signal = self._signal[lanes]
        kept._time = self._time[lanes]
        return kept

    def state_dict(self) -> State:
        return {
            "streams": self._streams.state_dict(),
            "signal": self._signal.copy(),
            "time": self._time.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        self._streams.load_state_dict(state["streams"])
        self._signal = np.array(state["signal"])
        self._time = np.array(state["time"])

    def _begin(self, lanes: Lanes) -> None:
        self._signal[lanes] = np.where(self._streams.uniform(lanes, 1)[0] < 0.5, -1, 1)
        self._time[lanes] = 0


class ConstantReward(Probe):
    """One action, one step, reward 1: the value is 1. Fails when the value loss is wrong."""


class ObservationReward(Probe):
    """One step, reward equal to the observation of -1 or 1, which is its value.

    Fails when the observation is not seen.
    """

    def observe(self) -> NDArray[np.float32]:
        return self._signal.copy()

    def rewards(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        return self._signal.copy()


class DelayedReward(Probe):
    """Observation 0, then 1, then reward 1: values gamma and 1.

    Fails when discounting or bootstrapping is wrong.
    """

    length = 2

    def observe(self) -> NDArray[np.float32]:
        return self._time.astype(np.float32)

    def rewards(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        return (self._time == 1).astype(np.float32)


class ActionReward(Probe):
    """One step, reward 1 for action 1 and 0 for action 0.

    Fails when the policy's gradient is wrong.
    """

    single_action_space = Discrete(2)

    def rewards(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        return actions.astype(np.float32)


class ContextualAction(Probe):
    """One step, reward 1 for action 1 where 1 is observed, for action 0 where -1 is.

    Fails when the policy does not see the observation.
    """

    metrics = ("success",)
    single_action_space = Discrete(2)

    def observe(self) -> NDArray[np.float32]:
        return self._signal.copy()

    def rewards(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        return ((actions == 1) == (self._signal > 0)).astype(np.float32)


class GaussianTarget(Probe):
    """One step, reward -(a - target)^2, target half the observation of -1 or 1.

    Fails when the Gaussian head is wrong.
    """

    single_action_space = Box(-np.inf, np.inf, (1,), np.float32)

    def observe(self) -> NDArray[np.float32]:
        return self._signal.copy()

    def rewards(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        reward: NDArray[np.float32] = -np.square(actions[:, 0] - self._signal / 2).astype(
            np.float32
        )
        return reward


class Choices(Probe):
    """One step, reward 1 for each of three choices that is right: 1 where 1 is observed, else 0.

    Fails when the head of several choices is wrong.
    """

    single_action_space = MultiDiscrete([2, 3, 2])

    def observe(self) -> NDArray[np.float32]:
        return self._signal.copy()

    def rewards(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        right = actions == (self._signal > 0)[:, None]
        reward: NDArray[np.float32] = right.sum(1).astype(np.float32)
        return reward


class Bits(Choices):
    """The same with bits. Fails when the head of bits is wrong."""

    single_action_space = MultiBinary(3)


class BoundedTarget(GaussianTarget):
    """The same as `GaussianTarget` with bounds. Fails when actions are squashed wrongly."""

    single_action_space = Box(-2, 1, (1,), np.float32)


class Numbered(ContextualAction):
    """The signal is the first of two numbered states. Fails when these are read wrongly."""

    single_observation_space = MultiDiscrete([2, 3])

    def seen(self) -> NDArray[Any]:
        signal = (self._signal > 0).astype(np.int64)
        return np.stack([signal, np.full(self.lanes, 2)], 1)


class Painted(ContextualAction):
    """The signal is the brightness of the left or right half. Fails when pictures are misread."""

    single_observation_space = Box(0, 255, (7, 8, 2), np.uint8)

    def seen(self) -> NDArray[Any]:
        picture = np.zeros((self.lanes, 7, 8, 2), np.uint8)
        picture[self._signal > 0, :, :4] = 255
        picture[self._signal < 0, :, 4:] = 255
        return picture


class TruncatedForever(Probe):
    """Reward 1, truncated every 5 steps, never terminated: the value is 1 / (1 - gamma).

    Fails when truncations count as terminations.
    """

    length = 5
    truncates = True


PROBES = (
    ConstantReward,
    ObservationReward,
    DelayedReward,
    ActionReward,
    ContextualAction,
    GaussianTarget,
    Choices,
    Bits,
    BoundedTarget,
    Numbered,
    Painted,
    TruncatedForever,
)
