"""The conformance suite that every world must pass.

Parametrise a subclass over `world`: a name, a `World`, or (members, lanes) -> VectorWorld. Give a
world whose episodes are long a limit, as `short` does: some episode ends within `STEPS` steps, and
the suite takes as long as these.
"""

from copy import deepcopy
from io import BytesIO
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Dict, Discrete, MultiBinary, MultiDiscrete, Space
from numpy.typing import NDArray

from segue.plan.world import World
from segue.worlds import VectorWorld, lane_seeds, make_world
from segue.worlds.adapters.spaces import fields, row_dtype, row_shape
from segue.worlds.side_by_side import join_worlds, restore_world
from segue.worlds.world import NO_LANES, WorldFactory
from tests.worlds.play import actions_by_seed, assert_same, play

Named = str | World | WorldFactory
STEPS = 130
HALF = STEPS // 2


def short(name: str, **arguments: Any) -> World:
    """Return the world of this name with episodes of at most 40 steps."""
    return World(name, max_episode_steps=40, **arguments)


def started(world: Named, seeds: NDArray[np.uint64]) -> VectorWorld:
    made = make_world(world, 1, len(seeds))
    made.reset(seeds)
    return made


def through_a_file(state: Any) -> Any:
    """What is left of a state after a checkpoint that holds tensors and plain values only."""
    file = BytesIO()
    torch.save(_convert(state, np.ndarray, torch.from_numpy), file)
    file.seek(0)
    return _convert(
        torch.load(file, weights_only=True), torch.Tensor, lambda tensor: tensor.numpy()
    )


def _convert(value: Any, kind: type, change: Any) -> Any:
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, dict):
        return {key: _convert(item, kind, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_convert(item, kind, change) for item in value]
    assert isinstance(value, (int, float, str, torch.Tensor)), (
        f"a state must not hold {type(value)}"
    )
    return value


def shows(space: Space[Any], observation: NDArray[Any]) -> bool:
    """Whether a space contains an observation: of a Dict, every entry its numbers."""
    if not isinstance(space, Dict):
        return bool(space.contains(observation))
    parts = [(field.space, observation[field.start : field.stop]) for field in fields(space)]
    return all(
        entry.contains(numbers[0] if isinstance(entry, Discrete) else numbers.reshape(entry.shape))
        for entry, numbers in parts
    )


class WorldConformance:
    """The suite; `world` comes from the subclass's parametrisation."""

    def test_shapes_and_types_are_those_of_the_spaces(self, world: Named) -> None:
        made = make_world(world, 2, 3)
        seeds = lane_seeds(0, "train", 6)
        shape = row_shape(made.single_observation_space)
        dtype = row_dtype(made.single_observation_space)
        first = made.reset(seeds)
        assert made.lanes == 6
        assert (first.shape, first.dtype) == ((6, *shape), dtype)
        for row in actions_by_seed(made, seeds, STEPS):
            step = made.step(row)
            assert (step.observation.shape, step.observation.dtype) == ((6, *shape), dtype)
            assert (step.reward.shape, step.reward.dtype) == ((6,), np.float32)
            assert (step.terminated.dtype, step.truncated.dtype) == (np.bool_, np.bool_)
            assert step.ended.dtype == np.int64
            np.testing.assert_array_equal(
                step.ended, np.flatnonzero(step.terminated | step.truncated)
            )
            assert step.final_observation.shape == (step.ended.size, *shape)
            assert step.final_observation.dtype == dtype
            assert tuple(step.info) == made.metrics
            for values in step.info.values():
                assert (values.shape, values.dtype) == ((step.ended.size,), np.float32)
            for lane in range(6):
                assert shows(made.single_observation_space, step.observation[lane])

    def test_actions_are_int64_or_float32_vectors(self, world: Named) -> None:
        space = make_world(world, 1, 1).single_action_space
        if isinstance(space, Discrete):
            assert space.start == 0
        elif isinstance(space, MultiDiscrete | MultiBinary):
            assert len(space.shape) == 1
        else:
            assert (len(space.shape), space.dtype) == (1, np.float32)

    def test_episodes_end_and_the_next_one_begins_in_the_same_step(self, world: Named) -> None:
        seeds = lane_seeds(1, "train", 3)
        made = started(world, seeds)
        episodes = play(made, actions_by_seed(made, seeds, STEPS))
        ends = [t for t in range(STEPS) if 0 in episodes.finals[t]]
        assert ends, "no episode ended: the suite needs more steps"
        assert all(episodes.terminated[t][0] or episodes.truncated[t][0] for t in ends)

    def test_reset_by_the_same_seeds_repeats_everything(self, world: Named) -> None:
        seeds = lane_seeds(2, "train", 3)
        made = make_world(world, 1, 3)
        actions = actions_by_seed(made, seeds, STEPS)
        first = made.reset(seeds).copy()
        episodes = play(made, actions)
        np.testing.assert_array_equal(made.reset(seeds), first)
        again = play(made, actions)
        for lane in range(3):
            assert_same(episodes.lane(lane), again.lane(lane))

    def test_a_lane_depends_on_its_own_seed_and_actions_only(self, world: Named) -> None:
        seeds = lane_seeds(3, "train", 7)
        made = started(world, seeds)
        actions = actions_by_seed(made, seeds, STEPS)
        together = play(made, actions)
        for lane in (0, 4, 6):
            alone = play(started(world, seeds[lane : lane + 1]), actions[:, lane : lane + 1])
            assert_same(together.lane(lane), alone.lane(0))
        order = np.array([5, 2, 6])
        moved = play(started(world, seeds[order]), actions[:, order])
        for place, lane in enumerate(order):
            assert_same(together.lane(lane), moved.lane(place))

    def test_members_are_lanes(self, world: Named) -> None:
        seeds = lane_seeds(4, "evaluation", 6)
        made = make_world(world, 3, 2)
        made.reset(seeds)
        actions = actions_by_seed(made, seeds, STEPS)
        in_members = play(made, actions)
        in_one = play(started(world, seeds), actions)
        for lane in range(6):
            assert_same(in_members.lane(lane), in_one.lane(lane))

    def test_selected_lanes_continue_bit_for_bit(self, world: Named) -> None:
        seeds = lane_seeds(5, "train", 6)
        made = make_world(world, 3, 2)
        whole = started(world, seeds)
        made.reset(seeds)
        actions = actions_by_seed(whole, seeds, STEPS + 13)
        play(made, actions[:13])
        play(whole, actions[:13])
        order = np.array([4, 1, 0])
        kept = play(made.select(order), actions[13:, order])
        rest = play(whole, actions[13:])
        for place, lane in enumerate(order):
            assert_same(kept.lane(place), rest.lane(lane))

    def test_selection_may_be_repeated_and_saved(self, world: Named) -> None:
        seeds = lane_seeds(6, "train", 4)
        made = started(world, seeds)
        actions = actions_by_seed(made, seeds, STEPS)
        whole = play(made, actions)
        kept = started(world, seeds)
        play(kept, actions[:7])
        kept = kept.select(np.array([3, 2, 0]))
        play(kept, actions[7:11, [3, 2, 0]])
        state = kept.select(np.array([2, 0])).state_dict()
        resumed = make_world(world, 2, 1)
        resumed.load_state_dict(state)
        rest = play(resumed, actions[11:, [0, 3]])
        assert_same(rest.lane(0), whole.lane(0)[11:])
        assert_same(rest.lane(1), whole.lane(3)[11:])

    def test_a_world_may_be_divided_and_every_part_continues(self, world: Named) -> None:
        seeds = lane_seeds(9, "train", 4)
        made = started(world, seeds)
        whole = started(world, seeds)
        actions = actions_by_seed(whole, seeds, STEPS + 5)
        play(made, actions[:5])
        rest = (play(whole, actions[:5]), play(whole, actions[5:]))[1]
        for lanes in ([2, 0], [1], [3]):
            part = play(made.select(np.array(lanes)), actions[5:, lanes])
            for place, lane in enumerate(lanes):
                assert_same(part.lane(place), rest.lane(lane))

    def test_a_saved_world_continues_bit_for_bit(self, world: Named) -> None:
        seeds = lane_seeds(7, "train", 3)
        for pause in (0, 8, 57):
            made = started(world, seeds)
            actions = actions_by_seed(made, seeds, pause + STEPS)
            play(made, actions[:pause])
            state = through_a_file(made.state_dict())
            resumed = started(world, lane_seeds(8, "train", 3))
            resumed.load_state_dict(state)
            rest = play(made, actions[pause:])
            again = play(resumed, actions[pause:])
            for lane in range(3):
                assert_same(rest.lane(lane), again.lane(lane))

    def test_a_state_stays_what_it_was(self, world: Named) -> None:
        seeds = lane_seeds(9, "train", 2)
        made = started(world, seeds)
        resumed = make_world(world, 1, 2)
        actions = actions_by_seed(made, seeds, 2 * STEPS)
        play(made, actions[:3])
        state = made.state_dict()
        taken = deepcopy(state)
        play(made, actions[3:])
        np.testing.assert_equal(state, taken)
        resumed.load_state_dict(state)
        play(resumed, actions[3:])
        np.testing.assert_equal(state, taken)

    def test_restarted_lanes_begin_their_next_episodes_and_the_others_notice_nothing(
        self, world: Named
    ) -> None:
        seeds = lane_seeds(11, "train", 4)
        made = started(world, seeds)
        whole = started(world, seeds)
        actions = actions_by_seed(made, seeds, 5 + STEPS)
        play(made, actions[:5])
        rest = (play(whole, actions[:5]), play(whole, actions[5:]))[1]
        assert len(made.restart(NO_LANES)) == 0
        first = made.restart(np.array([2, 0])).copy()
        state = through_a_file(made.state_dict())
        again = play(made, actions[5:])
        for lane in (1, 3):
            assert_same(again.lane(lane), rest.lane(lane))
        # The same lane, restarted alone, without neighbours.
        alone = started(world, seeds[2:3])
        play(alone, actions[:5, 2:3])
        np.testing.assert_array_equal(alone.restart(np.array([0]))[0], first[0])
        assert_same(play(alone, actions[5:, 2:3]).lane(0), again.lane(2))
        resumed = make_world(world, 2, 2)
        resumed.load_state_dict(state)
        from_state = play(resumed, actions[5:])
        for lane in range(4):
            assert_same(from_state.lane(lane), again.lane(lane))

    def test_a_restarted_lane_draws_what_it_would_have_drawn_at_its_episode_s_end(
        self, world: Named
    ) -> None:
        seeds = lane_seeds(12, "train", 1)
        made = started(world, seeds)
        whole = started(world, seeds)
        actions = actions_by_seed(made, seeds, STEPS)
        for row in actions:
            step = whole.step(row)
            if step.ended.size:
                break
        np.testing.assert_array_equal(made.restart(np.array([0]))[0], step.observation[0])

    def test_joined_worlds_continue_bit_for_bit(self, world: Named) -> None:
        """Worlds of 2, 1 and 2 lanes at different steps, which are divided and joined again."""
        seeds = lane_seeds(13, "train", 5)
        begun = np.array([9, 9, 0, 4, 4])  # steps of each lane before the worlds are joined
        parts = [np.array([0, 1]), np.array([2]), np.array([3, 4])]
        made = [started(world, seeds[own]) for own in parts]
        actions = actions_by_seed(made[0], seeds, HALF + 9)
        alone = [play(started(world, seeds[[i]]), actions[:, [i]]).lane(0) for i in range(5)]
        for own, part in zip(parts, made, strict=True):
            play(part, actions[: begun[own[0]], own])
        rest = np.stack([actions[begun[i] : begun[i] + HALF, i] for i in range(5)], 1)
        joined = join_worlds([made[0], made[1], made[2].select(np.array([1, 0]))])
        order = np.array([0, 1, 2, 4, 3])
        first = play(joined, rest[:20, order])
        state = through_a_file(joined.state_of(np.array([3, 4])))
        resumed = play(restore_world(started(world, seeds[:2]), state), rest[20:, [4, 3]])
        again = np.array([4, 0, 1, 3, 2])
        late = joined.select(np.array([3, 0, 1]))
        second = play(join_worlds([late, joined.select(np.array([4, 2]))]), rest[20:, again])
        for lane in range(5):
            wanted = alone[lane][begun[lane] : begun[lane] + HALF]
            assert_same(first.lane(order.tolist().index(lane)), wanted[:20])
            assert_same(second.lane(again.tolist().index(lane)), wanted[20:])
        for place, lane in enumerate((4, 3)):
            assert_same(resumed.lane(place), alone[lane][begun[lane] + 20 : begun[lane] + HALF])

    def test_joined_worlds_may_be_reset(self, world: Named) -> None:
        seeds = lane_seeds(14, "evaluation", 3)
        made = [started(world, seeds[:2]), started(world, seeds[2:])]
        actions = actions_by_seed(made[0], seeds, HALF)
        alone = play(started(world, seeds), actions)
        joined = join_worlds(made)
        for _ in range(2):
            joined.reset(seeds)
            together = play(joined, actions)
            for lane in range(3):
                assert_same(together.lane(lane), alone.lane(lane))
        first = made[0].reset(seeds[:2])
        np.testing.assert_array_equal(joined.reset(seeds)[:2], first)

    def test_actions_may_be_reused(self, world: Named) -> None:
        seeds = lane_seeds(10, "train", 2)
        made = started(world, seeds)
        resumed = make_world(world, 1, 2)
        whole = started(world, seeds)
        actions = actions_by_seed(made, seeds, STEPS)
        play(whole, actions[:5])
        buffer = actions[0].copy()
        for row in actions[:5]:
            buffer[:] = row
            made.step(buffer)
        resumed.load_state_dict(made.state_dict())
        again = play(resumed, actions[5:])
        rest = play(whole, actions[5:])
        assert_same(again.lane(1), rest.lane(1))

    def test_seeds_must_be_one_for_each_lane(self, world: Named) -> None:
        made = make_world(world, 1, 3)
        with np.testing.assert_raises_regex(ValueError, "one seed per lane"):
            made.reset(lane_seeds(0, "train", 2))

    def test_a_state_of_another_size_is_refused(self, world: Named) -> None:
        state = started(world, lane_seeds(0, "train", 3)).state_dict()
        with np.testing.assert_raises_regex(ValueError, "The state of 3 lanes was loaded into 2"):
            make_world(world, 2, 1).load_state_dict(state)
