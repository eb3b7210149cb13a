"""The conformance suite that every expert must pass.

Parametrise a subclass over `world`: a name, or (members, lanes) -> VectorWorld.
"""

from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from segue.worlds import VectorWorld, lane_seeds, make_world, world_spec
from tests.worlds.conformance import Named, started, through_a_file
from tests.worlds.play import Episodes, actions_by_seed, assert_same, play

STEPS = 130
LANES = 5


def advice_of(world: VectorWorld) -> NDArray[Any]:
    """What the expert says, in one array [L, ...]: actions, and whether they are available."""
    advice = world.expert()
    return np.column_stack([advice.action, advice.available])


def play_with_advice(world: VectorWorld, actions: NDArray[Any]) -> tuple[Episodes, NDArray[Any]]:
    """Perform `actions` [T, L], consulting the expert before each.

    Returns the episodes and the advice [T, L, ...].
    """
    episodes = Episodes()
    advice = []
    for row in actions:
        advice.append(advice_of(world))
        episodes.add(world.step(row))
    return episodes, np.array(advice)


def half_followed(world: Named, seeds: NDArray[np.uint64], steps: int) -> NDArray[Any]:
    """Return actions [T, L] of which about half are the expert's, as of a learner near the goal."""
    made = started(world, seeds)
    actions = actions_by_seed(made, seeds, steps)
    follows = actions_by_seed(made, seeds + np.uint64(1), steps) % 2 == 0
    for t in range(steps):
        actions[t] = np.where(follows[t], made.expert().action, actions[t])
        made.step(actions[t])
    return actions


class ExpertConformance:
    """The suite; `world` comes from the subclass's parametrisation."""

    def test_its_advice_fits_the_action_space(self, world: Named) -> None:
        assert world_spec(world).has_expert
        seeds = lane_seeds(0, "train", LANES)
        made = started(world, seeds)
        space = made.single_action_space
        for row in half_followed(world, seeds, STEPS):
            advice = made.expert()
            assert (advice.available.shape, advice.available.dtype) == ((LANES,), np.bool_)
            expected = np.int64 if isinstance(space, Discrete) else np.float32
            assert (advice.action.shape, advice.action.dtype) == ((LANES, *space.shape), expected)
            assert all(space.contains(action) for action in advice.action)
            if advice.policy is not None:
                np.testing.assert_allclose(advice.policy.sum(axis=1), 1, atol=1e-6)
                assert (advice.policy[np.arange(LANES), advice.action][advice.available] > 0).all()
            made.step(row)

    def test_asking_changes_nothing_in_the_world(self, world: Named) -> None:
        seeds = lane_seeds(1, "train", LANES)
        actions = half_followed(world, seeds, STEPS)
        (episodes, _) = play_with_advice(started(world, seeds), actions)
        without = play(started(world, seeds), actions)
        for lane in range(LANES):
            assert_same(episodes.lane(lane), without.lane(lane))

    def test_its_advice_depends_on_the_lane_only(self, world: Named) -> None:
        seeds = lane_seeds(2, "train", LANES)
        actions = half_followed(world, seeds, STEPS)
        _, together = play_with_advice(started(world, seeds), actions)
        order = np.array([3, 0])
        _, apart = play_with_advice(started(world, seeds[order]), actions[:, order])
        np.testing.assert_array_equal(together[:, order], apart)

    def test_its_advice_is_the_same_after_a_selection_or_a_resumption(self, world: Named) -> None:
        seeds = lane_seeds(3, "train", LANES)
        pause = 9
        order = np.array([4, 1])
        actions = half_followed(world, seeds, STEPS)
        _, whole = play_with_advice(started(world, seeds), actions)
        made = started(world, seeds)
        play_with_advice(made, actions[:pause])
        resumed = make_world(world, 1, LANES)
        resumed.load_state_dict(through_a_file(made.state_dict()))
        _, kept = play_with_advice(made.select(order), actions[pause:, order])
        _, rest = play_with_advice(resumed, actions[pause:])
        np.testing.assert_array_equal(kept, whole[pause:, order])
        np.testing.assert_array_equal(rest, whole[pause:])


class GoodExpertConformance(ExpertConformance):
    """The suite for experts that solve their world."""

    def test_following_it_solves_every_episode(self, world: Named) -> None:
        seeds = lane_seeds(4, "evaluation", 64)
        made = started(world, seeds)
        ended = 0
        for _ in range(520):
            advice = made.expert()
            assert advice.available.all()
            step = made.step(advice.action)
            ended += step.ended.size
            if made.metrics:
                assert step.info["success"].all()
            else:
                assert not step.terminated.any()
        assert ended >= 64
