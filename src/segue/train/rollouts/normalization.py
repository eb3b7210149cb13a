"""Observations and rewards as members learn from them: normalised by running statistics.

The definitions are those of Stable-Baselines3's `VecNormalize`. A member's statistics follow from
its own lanes alone, and are updated by its rollouts, never by an evaluation.

Shapes: K members, N lanes of a member, L = K*N lanes in all, T steps, O observation numbers, E
events, X any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.plan.world import World
from segue.train.data.component_data import Data
from segue.train.rollouts.moments import Moments, clip
from segue.train.rollouts.rewards import RewardNormalizer


@dataclass(frozen=True)
class ObservationScale:
    """The statistics of K members' observations as they are: shift, scale and clip."""

    mean: NDArray[np.float64]  # [K, O]
    deviation: NDArray[np.float64]  # [K, O]
    most: float

    def __call__(self, observation_KXO: NDArray[Any]) -> NDArray[np.float32]:
        """Return normalised observations, `[K, X, O]`."""
        return self._scaled(observation_KXO - self.mean[:, None], self.deviation[:, None])

    def of(self, members: NDArray[np.int64], observation_EO: NDArray[Any]) -> NDArray[np.float32]:
        """Return the normalised observations of these members, `[E, O]`."""
        return self._scaled(observation_EO - self.mean[members], self.deviation[members])

    def select(self, members: Sequence[int]) -> ObservationScale:
        """Return the statistics of these members, in this order."""
        rows = list(members)
        return ObservationScale(self.mean[rows], self.deviation[rows], self.most)

    @classmethod
    def of_moments(cls, moments: Moments, most: float) -> ObservationScale:
        """Return these statistics `[K, O]`, which later updates do not change."""
        return cls(moments.mean.copy(), moments.deviation(), most)

    @staticmethod
    def together(parts: Sequence[ObservationScale]) -> ObservationScale:
        """Return the statistics of the members of all parts, one part after another."""
        return ObservationScale(
            np.concatenate([part.mean for part in parts]),
            np.concatenate([part.deviation for part in parts]),
            parts[0].most,
        )

    def _scaled(
        self, centred: NDArray[np.float64], deviation: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        centred /= deviation
        clip(centred, self.most)
        return centred.astype(np.float32)


class ObservationNormalizer:
    """Normalises the observations of K members, and updates their statistics at each step."""

    def __init__(self, moments: Moments, lanes: int, most: float) -> None:
        """Use the statistics `[K, O]` for members of `lanes` lanes; clip to +-`most`."""
        self.moments = moments
        self.most = most
        members, numbers = moments.mean.shape
        self._numbers = np.empty((members, lanes, numbers))
        self._scratch = np.empty_like(self._numbers)

    @property
    def scale(self) -> ObservationScale:
        """The present statistics, which later updates do not change."""
        return ObservationScale.of_moments(self.moments, self.most)

    def observe(self, observation: NDArray[Any], out_KNO: NDArray[np.float32]) -> None:
        """Add observations `[L, ...]` to the statistics, and write them normalised by these."""
        numbers = self._numbers
        np.copyto(numbers, observation.reshape(numbers.shape))
        with np.errstate(all="ignore"):  # what is not finite marks its member when it learns
            self.moments.update(numbers, self._scratch)
            numbers -= self.moments.mean[:, None]
            numbers /= self.moments.deviation()[:, None]
            clip(numbers, self.most)
            np.copyto(out_KNO, numbers, casting="same_kind")

    def select(self, members: Sequence[int]) -> ObservationNormalizer:
        """Return the normaliser of these members."""
        lanes = self._numbers.shape[1]
        return ObservationNormalizer(self.moments.select(members), lanes, self.most)

    @classmethod
    def joined(cls, parts: Sequence[ObservationNormalizer]) -> ObservationNormalizer:
        """Return the normaliser of the members of all parts, one part after another."""
        moments = Moments.together([part.moments for part in parts])
        return cls(moments, parts[0]._numbers.shape[1], parts[0].most)


@dataclass
class Normalizer:
    """What a pack does to the observations and rewards of its K members."""

    observation: ObservationNormalizer | None
    reward: RewardNormalizer | None

    @classmethod
    def of(cls, world: World, members: int, lanes: int, numbers: int) -> Normalizer:
        """Return the normaliser that a world requests, before the first step.

        Each member has `lanes` lanes with observations of `numbers` numbers.
        """
        observation = None
        if world.normalize_observation:
            moments = Moments.start(members, numbers)
            observation = ObservationNormalizer(moments, lanes, world.clip_observation)
        reward = None
        if world.normalize_reward or world.reward_scale != 1:
            returns = np.zeros((members, lanes))
            statistics = Moments.start(members) if world.normalize_reward else None
            reward = RewardNormalizer(world.reward_scale, world.clip_reward, returns, statistics)
        return cls(observation, reward)

    def begin(self, observation: NDArray[Any], out_KNO: NDArray[np.float32]) -> None:
        """Normalise the first observations `[L, ...]` into `out_KNO`, if they are normalised."""
        if self.observation is not None:
            self.observation.observe(observation, out_KNO)

    def restarted(
        self, members: Sequence[int], first_KNO: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the first observations of members whose episodes were abandoned, as they see them.

        The statistics stay as they are.
        """
        if self.reward is not None:
            self.reward.returns[list(members)] = 0
        if self.observation is None:
            return first_KNO
        return self.observation.scale.select(members)(first_KNO)

    def apply_to_rewards(
        self, reward_TL: NDArray[np.float32], ended_TL: NDArray[np.bool_], gamma: Sequence[float]
    ) -> None:
        """Scale and normalise the rewards of a rollout in place; `gamma` is each member's."""
        if self.reward is not None:
            self.reward.apply(reward_TL, ended_TL, np.array(gamma))

    def recorded(self, data: Sequence[list[Data]]) -> Sequence[list[Data]]:
        """Return each member's recorded data with the observations that its policy would see."""
        if self.observation is None:
            return data
        scales = (self.observation.scale.select([member]) for member in range(len(data)))
        return [
            [_recorded(batch, own) for batch in batches]
            for batches, own in zip(data, scales, strict=True)
        ]

    def select(self, members: Sequence[int]) -> Normalizer:
        """Return the normaliser of these members."""
        return Normalizer(
            self.observation and self.observation.select(members),
            self.reward and self.reward.select(members),
        )

    @classmethod
    def joined(cls, parts: Sequence[Normalizer]) -> Normalizer:
        """Return the normaliser of the members of all parts, one part after another."""
        observation = [part.observation for part in parts if part.observation is not None]
        reward = [part.reward for part in parts if part.reward is not None]
        return cls(
            ObservationNormalizer.joined(observation) if observation else None,
            RewardNormalizer.joined(reward) if reward else None,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all statistics; None where there are none."""
        return {
            "observation": self.observation and self.observation.moments.state_dict(),
            "reward": self.reward and self.reward.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the statistics of as many members, of the same kinds."""
        if self.observation is not None:
            self.observation.moments.load_state_dict(state["observation"])
        if self.reward is not None:
            self.reward.load_state_dict(state["reward"])


def _recorded(batch: Data, scale: ObservationScale) -> Data:
    """Return a batch of recorded data of one member, with normalised observations."""
    observed = batch["observation"]
    rows = observed.reshape(1, -1, scale.mean.shape[1])
    return {**batch, "observation": scale(rows).reshape(observed.shape)}
