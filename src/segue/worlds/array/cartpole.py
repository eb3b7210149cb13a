"""CartPole-v1 as an array program: all lanes in one set of numpy operations."""

from collections.abc import Sequence

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.worlds.drawing import draw_cart_pole
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import NO_LANES, Advice, Lanes, State, Step, VectorWorld, one_seed_each

GRAVITY = 9.8
POLE_MASS = 0.1
TOTAL_MASS = POLE_MASS + 1.0
HALF_LENGTH = 0.5
POLE_MASS_LENGTH = POLE_MASS * HALF_LENGTH
FORCES = np.array([-10.0, 10.0])  # push to the left, to the right
SECONDS_PER_STEP = 0.02
POSITION_LIMIT = 2.4
ANGLE_LIMIT = 12 * 2 * np.pi / 360
START_LIMIT = 0.05
MAX_EPISODE_STEPS = 500

_EXPERT_GAINS = np.array([0.1, 0.2, 1.0, 0.6])  # of position, velocity, angle, angular velocity

_LIMITS = np.array([[POSITION_LIMIT], [ANGLE_LIMIT]])


class CartPole(VectorWorld):
    """Balance a pole on a cart (Barto, Sutton, Anderson, 1983): reward 1 a step, at most 500 steps.

    Equal, bit for bit, to Gymnasium's CartPole-v1: its equations in its order of operations, in
    float64, with Euler steps of 20 ms; observations are float32 [L, 4] (position, velocity, angle,
    angular velocity). Terminated when the cart leaves +-2.4 or the pole +-12 degrees, truncated
    after 500 steps, both if both. Only the start states differ: they are drawn from the same
    distribution, by the lane's own stream.
    """

    has_expert = True

    def __init__(self, members: int, lanes: int, *, max_episode_steps: int | None = None) -> None:
        """Make the lanes; `max_episode_steps` replaces the limit of 500 steps."""
        self.lanes = members * lanes
        self._max_episode_steps = max_episode_steps
        self.single_observation_space = _observation_space()
        self.single_action_space = gymnasium.spaces.Discrete(2)
        self._adopt(
            LaneStreams(np.zeros(self.lanes, np.uint64)),
            np.zeros((4, self.lanes)),
            np.zeros(self.lanes, np.int64),
        )
        self._allocate()

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Begin near the upright position in every lane; see `VectorWorld.reset`."""
        self._streams = LaneStreams(one_seed_each(seeds, self.lanes))
        self._begin(np.arange(self.lanes))
        np.copyto(self._observation, self._state.T)
        return self._observation

    def restart(self, lanes: Lanes) -> NDArray[np.float32]:
        """Begin the next episodes of these lanes; see `VectorWorld.restart`."""
        self._begin(lanes)
        first: NDArray[np.float32] = self._state.T[lanes].astype(np.float32)
        return first

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Push left (0) or right (1) in every lane; see `VectorWorld.step`."""
        self._push(actions)
        self._move()
        np.copyto(self._observation, self._state.T)
        self._steps += 1
        np.abs(self._state[0::2], out=self._outside)
        np.greater(self._outside, _LIMITS, out=self._beyond)
        np.logical_or(self._beyond[0], self._beyond[1], out=self._terminated)
        np.greater_equal(
            self._steps, self._max_episode_steps or MAX_EPISODE_STEPS, out=self._truncated
        )
        np.logical_or(self._terminated, self._truncated, out=self._over)
        ended = NO_LANES
        final = self._no_final
        if self._over.any():
            ended = np.flatnonzero(self._over)
            final = self._observation[ended]
            self._begin(ended)
            self._observation[ended] = self._state[:, ended].T
        return Step(
            self._observation, self._reward, self._terminated, self._truncated, ended, final, {}
        )

    def expert(self) -> Advice:
        """Push under the falling pole, leaning to the middle of the track.

        This linear controller balances for all 500 steps; see `VectorWorld.expert`.
        """
        return Advice((_EXPERT_GAINS @ self._state > 0).astype(np.int64), self._always)

    def render(self, lane: int) -> NDArray[np.uint8]:
        """Draw the cart and its pole; see `VectorWorld.render`."""
        return draw_cart_pole(self._state[0, lane], self._state[2, lane], POSITION_LIMIT)

    def select(self, lanes: Lanes) -> "CartPole":
        """Return a world of these lanes; see `VectorWorld.select`."""
        selected = CartPole(1, len(lanes), max_episode_steps=self._max_episode_steps)
        selected._adopt(self._streams.select(lanes), self._state[:, lanes], self._steps[lanes])
        return selected

    @classmethod
    def joined(cls, worlds: "Sequence[CartPole]") -> "CartPole":
        """Return a world of all lanes; see `VectorWorld.joined`."""
        lanes = sum(world.lanes for world in worlds)
        joined = CartPole(1, lanes, max_episode_steps=worlds[0]._max_episode_steps)
        joined._adopt(
            LaneStreams.joined([world._streams for world in worlds]),
            np.concatenate([world._state for world in worlds], axis=1),
            np.concatenate([world._steps for world in worlds]),
        )
        return joined

    def state_dict(self) -> State:
        """Return carts, poles, steps of the running episodes and random streams.

        See `VectorWorld.state_dict`.
        """
        return {
            "state": self._state.copy(),
            "steps": self._steps.copy(),
            "streams": self._streams.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore `state`; see `VectorWorld.load_state_dict`."""
        self._streams.load_state_dict(state["streams"])
        self._adopt(
            self._streams, np.array(state["state"], np.float64), np.array(state["steps"], np.int64)
        )

    def _adopt(
        self, streams: LaneStreams, state: NDArray[np.float64], steps: NDArray[np.int64]
    ) -> None:
        """Take over states [4, L] (position, velocity, angle, angular velocity) and steps [L]."""
        self._streams = streams
        self._state = np.ascontiguousarray(state)
        self._steps = steps

    def _allocate(self) -> None:
        """Allocate the arrays that every step overwrites.

        At 8 lanes, allocations would cost as much as the step itself.
        """
        L = self.lanes
        self._change = np.empty((4, L))
        self._temp, self._cos, self._sin, self._scratch = np.empty((4, L))
        self._outside = np.empty((2, L))
        self._beyond = np.empty((2, L), np.bool_)
        self._terminated, self._truncated, self._over = np.empty((3, L), np.bool_)
        self._observation = np.empty((L, 4), np.float32)
        self._no_final = self._observation[:0]
        self._reward = np.ones(L, np.float32)
        self._always = np.ones(L, np.bool_)

    def _begin(self, lanes: Lanes) -> None:
        """Start an episode in these lanes."""
        self._state[:, lanes] = -START_LIMIT + (START_LIMIT + START_LIMIT) * self._streams.uniform(
            lanes, 4
        )
        self._steps[lanes] = 0

    def _push(self, actions: NDArray[np.int64]) -> None:
        """Compute `_cos` and `_sin` of the angle, and `_temp`, Gymnasium's name for this term."""
        np.cos(self._state[2], out=self._cos)
        np.sin(self._state[2], out=self._sin)

        # temp = (force + POLE_MASS_LENGTH * angular_velocity**2 * sin) / TOTAL_MASS
        temp = self._temp
        scratch = self._scratch
        np.take(FORCES, actions, out=temp)
        np.square(self._state[3], out=scratch)
        scratch *= POLE_MASS_LENGTH
        scratch *= self._sin
        temp += scratch
        temp /= TOTAL_MASS

    def _move(self) -> None:
        """Advance cart and pole by one Euler step.

        The operations are Gymnasium's in its order, each into a buffer.
        """
        temp = self._temp
        cos = self._cos
        sin = self._sin
        scratch = self._scratch
        acceleration = self._change[1]
        angular_acceleration = self._change[3]

        # (GRAVITY * sin - cos * temp) / (HALF_LENGTH * (4 / 3 - POLE_MASS * cos**2 / TOTAL_MASS))
        np.square(cos, out=scratch)
        scratch *= POLE_MASS
        scratch /= TOTAL_MASS
        np.subtract(4.0 / 3.0, scratch, out=scratch)
        scratch *= HALF_LENGTH
        sin *= GRAVITY
        sin -= np.multiply(cos, temp, out=acceleration)
        np.divide(sin, scratch, out=angular_acceleration)

        # acceleration = temp - POLE_MASS_LENGTH * angular_acceleration * cos / TOTAL_MASS
        np.multiply(POLE_MASS_LENGTH, angular_acceleration, out=scratch)
        scratch *= cos
        scratch /= TOTAL_MASS
        np.subtract(temp, scratch, out=acceleration)

        self._change[0::2] = self._state[1::2]
        self._change *= SECONDS_PER_STEP
        self._state += self._change


def _observation_space() -> gymnasium.spaces.Box:
    """Return Gymnasium's space: twice the limits, so that a final observation lies within."""
    high = np.array([2 * POSITION_LIMIT, np.inf, 2 * ANGLE_LIMIT, np.inf], np.float32)
    return gymnasium.spaces.Box(-high, high, dtype=np.float32)
