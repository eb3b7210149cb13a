"""Whether a world keeps to the protocol of `segue.worlds.world`, found by running it."""

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from numpy.typing import NDArray

from segue.base.user_code import user_code
from segue.worlds.adapters.environment_check import check_environment
from segue.worlds.adapters.gymnasium import GymnasiumWorld
from segue.worlds.adapters.spaces import row_shape
from segue.worlds.frame_stack import FrameStack
from segue.worlds.registry import WorldSpec, make_world, spec_of, world_name
from segue.worlds.seeds import lane_seeds
from segue.worlds.world import AnyWorld, Step, VectorWorld

_LANES = 2
_STEPS = 32


def check_world(world: AnyWorld) -> WorldSpec:
    """Make a small world, take random steps in it, close it, and return its spaces and metrics.

    Raise ValueError as `make_world` does, and for whatever the world returns that cannot be
    trained on: the sentence names the observation, reward, flag or metric.
    """
    made = make_world(world, 1, _LANES)
    try:
        stepped = made.world if isinstance(made, FrameStack) else made
        if isinstance(stepped, GymnasiumWorld):
            check_environment(stepped.first_environment, stepped.env_id, _STEPS)
        _run(made, f"the world {world_name(world)}")
        return spec_of(world, made)
    finally:
        made.close()


def _run(world: VectorWorld, name: str) -> None:
    _check_actions(world, name)
    with user_code(f"The reset of {name}"):
        first = world.reset(lane_seeds(0, "train", world.lanes))
    _check_observation(world, first, world.lanes, f"The reset of {name} returned")
    generator = np.random.default_rng(0)
    for number in range(1, _STEPS + 1):
        actions = _random_actions(world, generator)
        with user_code(f"Step {number} of {name}"):
            step = world.step(actions)
        _check_step(world, step, f"Step {number} of {name} returned")


def _check_actions(world: VectorWorld, name: str) -> None:
    space = world.single_action_space
    if not isinstance(space, Discrete | MultiDiscrete | MultiBinary | Box):
        raise ValueError(
            f"The action space of {name} is {space!r}: let single_action_space be Discrete,"
            " MultiDiscrete, MultiBinary or Box."
        )


def _random_actions(world: VectorWorld, generator: np.random.Generator) -> NDArray[Any]:
    space = world.single_action_space
    if isinstance(space, Discrete):
        return generator.integers(space.n, size=world.lanes)
    if isinstance(space, MultiDiscrete):
        return generator.integers(space.nvec, size=(world.lanes, len(space.nvec)))
    if isinstance(space, MultiBinary):
        return generator.integers(2, size=(world.lanes, *space.shape))
    return generator.standard_normal((world.lanes, *(space.shape or ())), np.float32)


def _check_step(world: VectorWorld, step: Step, returned: str) -> None:
    if not isinstance(step, Step):
        raise ValueError(f"{returned} a {type(step).__name__}: return a segue.Step.")
    _check_observation(world, step.observation, world.lanes, returned)
    _check_array(step.reward, (world.lanes,), "iuf", f"{returned} the reward")
    for what in ("terminated", "truncated"):
        _check_array(getattr(step, what), (world.lanes,), "b", f"{returned} {what}")
    ended = np.flatnonzero(step.terminated | step.truncated)
    if not np.array_equal(step.ended, ended):
        raise ValueError(
            f"{returned} ended={step.ended!r}: return the lanes that terminated or were truncated,"
            f" here {ended!r}."
        )
    _check_observation(world, step.final_observation, ended.size, f"{returned} as the final one")
    if set(step.info) != set(world.metrics):
        raise ValueError(
            f"{returned} info of {sorted(step.info)}: return a value for each name in metrics,"
            f" {sorted(world.metrics)}."
        )
    for name, values in step.info.items():
        _check_array(values, (ended.size,), "biuf", f"{returned} the metric {name!r}", finite=False)


def _check_observation(world: VectorWorld, observation: Any, lanes: int, returned: str) -> None:
    shape = (lanes, *row_shape(world.single_observation_space))
    _check_array(observation, shape, "biuf", f"{returned} the observation")


def _check_array(
    value: Any, shape: tuple[int, ...], kinds: str, which: str, *, finite: bool = True
) -> None:
    """Raise ValueError unless `value` is an array of numbers of this shape and kind."""
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{which} {value!r}: return a numpy array of shape {shape}.")
    if value.shape != shape:
        raise ValueError(f"{which} of shape {value.shape}: return one of shape {shape}.")
    if value.dtype.kind not in kinds:
        wanted = "bool" if kinds == "b" else "numbers"
        raise ValueError(f"{which} of type {value.dtype}: return an array of {wanted}.")
    if finite and not np.isfinite(value).all():
        raise ValueError(f"{which} {value!r}: return finite numbers.")
