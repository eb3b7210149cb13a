"""Check, before anything starts, whether the data of an off-policy component fit the world."""

from __future__ import annotations

import math
from typing import Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.base.text import error_text
from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.train.data.component_data import Data, DataStream
from segue.worlds.adapters.spaces import fields


class Spaces(Protocol):
    """The spaces and metrics of a world, and whether it has an expert."""

    @property
    def single_observation_space(self) -> gymnasium.Space[object]:
        """Observation space of one lane."""

    @property
    def single_action_space(self) -> gymnasium.Space[object]:
        """Action space of one lane."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that the world reports of an episode."""

    @property
    def has_expert(self) -> bool:
        """Whether the world has an expert."""


def check_data(
    index: int, component: OffPolicyPipelineComponent, world: Spaces, has_memory: bool, lanes: int
) -> None:
    """Build the data iterator of stage `index` and check its first batch.

    Raises ValueError unless the batch fits the policy and the losses.
    """
    where = f"The off-policy component of stage {index}"
    try:
        stream = DataStream(component, lanes, seed=0)
        (batch,) = stream.take(1)
        batch = stream.everything() or batch
        stream.close()
    except Exception as error:  # a user's iterator may raise anything
        said = str(error) if isinstance(error, ValueError) else f"{error_text(error)}."
        raise ValueError(f"{where} gives no data: {said}") from error
    ahead = 2 if "begins" in batch else 1
    if has_memory and ahead == 1:
        raise ValueError(
            f"{where} gives samples that do not follow one another, and the policy has a memory:"
            ' give sequences [steps, lanes, ...] with "begins".'
        )
    _check_shapes(where, batch, ahead, world)
    _check_actions(where, batch, world.single_action_space)


def _check_shapes(where: str, batch: Data, ahead: int, world: Spaces) -> None:
    numbers = fields(world.single_observation_space)[-1].stop
    samples = batch["action"].shape[:ahead]
    actions = world.single_action_space.shape or ()
    wanted = {"observation": numbers, "action": math.prod(actions)}
    for name, width in wanted.items():
        shape = batch[name].shape
        if shape[:ahead] != samples or math.prod(shape[ahead:]) != width:
            raise ValueError(
                f"{where} gives {name}s of shape {shape[ahead:]}, and the world's have {width}"
                " numbers each: record the data in it."
            )
    if ahead == 2 and batch["begins"].shape != samples:
        raise ValueError(
            f"{where} gives begins of shape {batch['begins'].shape} for actions of {samples}."
        )


def _check_actions(where: str, batch: Data, space: gymnasium.Space[object]) -> None:
    actions = batch["action"]
    choices = _choices(space)
    if choices is not None:
        if actions.dtype.kind not in "iu" or actions.min() < 0 or (actions >= choices).any():
            raise ValueError(
                f"{where} gives actions from {actions.min()} to {actions.max()} ({actions.dtype}),"
                f" and the world's are whole numbers from 0 to {choices - 1}: record the data"
                " in it."
            )
    elif not np.isfinite(actions).all():
        raise ValueError(f"{where} gives actions that are not finite.")


def _choices(space: gymnasium.Space[object]) -> NDArray[np.int64] | None:
    """Return the number of choices of each number of an action; None for real numbers."""
    match space:
        case gymnasium.spaces.Discrete():
            return np.array(space.n)
        case gymnasium.spaces.MultiDiscrete():
            return space.nvec.astype(np.int64)
        case gymnasium.spaces.MultiBinary():
            return np.full(space.shape, 2)
    return None
