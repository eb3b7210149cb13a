"""PoisonedDoors as an array program: an expert that cannot be imitated from the observations."""

from collections.abc import Sequence

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.worlds.seeds import LaneStreams, stream
from segue.worlds.world import NO_LANES, Advice, Lanes, State, Step, VectorWorld, one_seed_each

SYMBOLS = 3
DOORS = 4
CODE_LENGTH = 10
MAX_EPISODE_STEPS = 100

CHOOSING, AT_PAD, AFTER_RIGHT_DIGIT, DONE = range(4)  # observations

_NO_PAD = -1  # right digits so far of a lane that has chosen no door yet


class PoisonedDoors(VectorWorld):
    """Four doors, one behind a code, one of the others good (Weihs et al., ADVISOR, NeurIPS 2021).

    Actions 0-2 enter a digit, 3-6 choose door 0-3. Doors 1-3 end the episode: +2 for this episode's
    good one (drawn by the lane's stream), -2 for the two others. Door 0 leads to a pad that takes a
    code of ten digits: a wrong digit ends the episode with 0, the tenth right one with +1. Digits
    before a door is chosen have no effect. The code is drawn once from `code_seed` and is the same
    in every lane and episode; the observation, Discrete(4), never shows it, so that only a policy
    with memory can learn it. Truncated after 100 steps; `success` is a positive reward.

    The expert knows the good door and the code: it chooses the door where the lane still can, and
    enters the code otherwise.
    """

    metrics = ("success",)
    has_expert = True

    def __init__(
        self,
        members: int,
        lanes: int,
        *,
        code_seed: int = 0,
        max_episode_steps: int | None = None,
    ) -> None:
        """Make the lanes; `max_episode_steps` replaces the limit of 100 steps."""
        self.lanes = members * lanes
        self._max_episode_steps = max_episode_steps
        self.single_observation_space = gymnasium.spaces.Discrete(4)
        self.single_action_space = gymnasium.spaces.Discrete(SYMBOLS + DOORS)
        self._code_seed = code_seed
        generator = np.random.default_rng(stream(code_seed, "poisoned doors"))
        self._code = generator.integers(SYMBOLS, size=CODE_LENGTH)
        self._streams = LaneStreams(np.zeros(self.lanes, np.uint64))
        self._good = np.ones(self.lanes, np.int64)  # [L] this episode's good door
        self._digits = np.full(self.lanes, _NO_PAD)  # [L] right digits so far
        self._steps = np.zeros(self.lanes, np.int64)

    def reset(self, seeds: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Place the agent before the doors in every lane; see `VectorWorld.reset`."""
        self._streams = LaneStreams(one_seed_each(seeds, self.lanes))
        self._begin(np.arange(self.lanes))
        return self._observe()

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Enter a digit or choose a door in every lane; see `VectorWorld.step`."""
        doors = actions - SYMBOLS
        at_pad = self._digits != _NO_PAD
        right = at_pad & (actions == self._code[self._digits])
        opened = ~at_pad & (doors > 0)

        self._digits += right | (~at_pad & (doors == 0))
        cracked = self._digits == CODE_LENGTH
        reward = np.where(opened, np.where(doors == self._good, 2, -2), cracked).astype(np.float32)
        self._steps += 1
        terminated = opened | (at_pad & ~right) | cracked
        truncated = self._steps >= (self._max_episode_steps or MAX_EPISODE_STEPS)
        return self._result(reward, terminated, truncated)

    def restart(self, lanes: Lanes) -> NDArray[np.int64]:
        """Begin the next episodes of these lanes; see `VectorWorld.restart`."""
        self._begin(lanes)
        return self._observe()[lanes]

    def expert(self) -> Advice:
        """Choose the good door, or enter the code's next digit; see `VectorWorld.expert`."""
        choosing = self._digits == _NO_PAD
        action = np.where(choosing, SYMBOLS + self._good, self._code[self._digits])
        return Advice(action, np.ones(self.lanes, np.bool_))

    def select(self, lanes: Lanes) -> "PoisonedDoors":
        """Return a world of these lanes; see `VectorWorld.select`."""
        selected = PoisonedDoors(
            1,
            len(lanes),
            code_seed=self._code_seed,
            max_episode_steps=self._max_episode_steps,
        )
        selected._streams = self._streams.select(lanes)
        selected._good = self._good[lanes]
        selected._digits = self._digits[lanes]
        selected._steps = self._steps[lanes]
        return selected

    @classmethod
    def joined(cls, worlds: "Sequence[PoisonedDoors]") -> "PoisonedDoors":
        """Return a world of all lanes; see `VectorWorld.joined`."""
        first = worlds[0]
        joined = PoisonedDoors(
            1,
            sum(world.lanes for world in worlds),
            code_seed=first._code_seed,
            max_episode_steps=first._max_episode_steps,
        )
        joined._streams = LaneStreams.joined([world._streams for world in worlds])
        joined._good = np.concatenate([world._good for world in worlds])
        joined._digits = np.concatenate([world._digits for world in worlds])
        joined._steps = np.concatenate([world._steps for world in worlds])
        return joined

    def state_dict(self) -> State:
        """Return good doors, right digits, steps of the running episodes and random streams.

        See `VectorWorld.state_dict`.
        """
        return {
            "streams": self._streams.state_dict(),
            "good": self._good.copy(),
            "digits": self._digits.copy(),
            "steps": self._steps.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore `state`; see `VectorWorld.load_state_dict`."""
        self._streams.load_state_dict(state["streams"])
        self._good, self._digits, self._steps = (
            np.array(state[name]) for name in ("good", "digits", "steps")
        )

    def _result(
        self,
        reward: NDArray[np.float32],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> Step:
        """Return the step, after beginning the next episode where one has ended."""
        observation = self._observe()
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
        final = np.where(terminated[ended], DONE, observation[ended])
        success = (reward[ended] > 0).astype(np.float32)
        self._begin(ended)
        return Step(
            self._observe(), reward, terminated, truncated, ended, final, {"success": success}
        )

    def _observe(self) -> NDArray[np.int64]:
        """Return the observation of each lane, [L], while its episode runs."""
        stands: NDArray[np.int64] = np.minimum(self._digits - _NO_PAD, AFTER_RIGHT_DIGIT)
        return stands

    def _begin(self, lanes: Lanes) -> None:
        """Start an episode in these lanes."""
        self._good[lanes] = 1 + (self._streams.uniform(lanes, 1)[0] * (DOORS - 1)).astype(np.int64)
        self._digits[lanes] = _NO_PAD
        self._steps[lanes] = 0
