"""The rules of PoisonedDoors, one by one."""

import numpy as np
import pytest

from segue.worlds import PoisonedDoors, lane_seeds
from segue.worlds.array.poisoned_doors import (
    AFTER_RIGHT_DIGIT,
    AT_PAD,
    CHOOSING,
    DONE,
    MAX_EPISODE_STEPS,
)

PAD = 3


def doors(lanes: int, code_seed: int = 0) -> PoisonedDoors:
    world = PoisonedDoors(1, lanes, code_seed=code_seed)
    assert world.reset(lane_seeds(0, "train", lanes)).tolist() == [CHOOSING] * lanes
    return world


def all_lanes(world: PoisonedDoors, action: int) -> np.ndarray:
    return np.full(world.lanes, action)


def code_of(world: PoisonedDoors) -> list[int]:
    """The code as the expert enters it."""
    world.step(all_lanes(world, PAD))
    digits = []
    for _ in range(10):
        digits.append(int(world.expert().action[0]))
        world.step(world.expert().action)
    return digits


def test_one_of_three_doors_is_good() -> None:
    world = doors(3000)
    good = world.expert().action
    step = world.step(all_lanes(world, 5))
    assert step.terminated.all() and not step.truncated.any()
    np.testing.assert_array_equal(step.reward, np.where(good == 5, 2, -2))
    np.testing.assert_array_equal(step.info["success"], good == 5)
    assert step.final_observation.tolist() == [DONE] * 3000
    assert step.observation.tolist() == [CHOOSING] * 3000
    np.testing.assert_allclose(np.bincount(good)[4:] / 3000, 1 / 3, atol=0.03)


def test_the_code_opens_door_zero() -> None:
    world = doors(2)
    code = code_of(world)
    step = world.step(all_lanes(world, PAD))
    assert (step.observation.tolist(), step.reward.tolist()) == ([AT_PAD] * 2, [0, 0])
    for digit in code[:9]:
        step = world.step(all_lanes(world, digit))
        assert (step.observation.tolist(), step.reward.tolist()) == (
            [AFTER_RIGHT_DIGIT] * 2,
            [0, 0],
        )
        assert not step.ended.size
    step = world.step(all_lanes(world, code[9]))
    assert (step.final_observation.tolist(), step.reward.tolist()) == ([DONE] * 2, [1, 1])
    assert step.terminated.all() and step.info["success"].all()


@pytest.mark.parametrize("right_digits", [0, 4, 9])
@pytest.mark.parametrize("offset", [1, 2, 3, 5])
def test_anything_but_the_next_digit_ends_the_episode_with_nothing(
    right_digits: int, offset: int
) -> None:
    world = doors(1)
    code = code_of(world)
    world.step(all_lanes(world, PAD))
    for digit in code[:right_digits]:
        world.step(all_lanes(world, digit))
    wrong = (code[right_digits] + offset) % 7
    step = world.step(all_lanes(world, wrong))
    assert step.terminated.all() and not step.info["success"].any()
    assert (step.final_observation.tolist(), step.reward.tolist()) == ([DONE], [0])


def test_digits_before_a_door_do_nothing_until_time_is_up() -> None:
    world = doors(1)
    for t in range(1, MAX_EPISODE_STEPS + 1):
        step = world.step(all_lanes(world, t % 3))
        assert (step.reward.tolist(), step.terminated.tolist()) == ([0], [False])
        assert step.truncated.tolist() == [t == MAX_EPISODE_STEPS]
    assert step.final_observation.tolist() == [CHOOSING]


def test_the_code_belongs_to_the_world_and_not_to_the_episode() -> None:
    world = doors(1)
    assert code_of(world) == code_of(world) == code_of(doors(5))
    codes = [code_of(doors(1, code_seed)) for code_seed in range(20)]
    assert len({tuple(code) for code in codes}) == 20
    assert {digit for code in codes for digit in code} == {0, 1, 2}
    assert code_of(doors(2, 7).select(np.array([1]))) == codes[7]
