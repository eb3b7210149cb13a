"""Whether a Gymnasium environment keeps to Gymnasium's interface, found by running it."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete, Space
from gymnasium.wrappers import OrderEnforcing, TimeLimit

from segue.base.text import error_text, plural
from segue.base.user_code import user_code
from segue.worlds.adapters.environments import RowObservation

_SEED = 2**31 - 1  # the largest that an environment receives
_SIGNATURE = "`def reset(self, *, seed=None, options=None)`"
_STEP = "(observation, reward, terminated, truncated, info)"
_STANDARD = (RowObservation, TimeLimit, OrderEnforcing)


def check_environment(environment: "gymnasium.Env[Any, Any]", env_id: str, steps: int) -> None:
    """Reset an environment and take random steps in it.

    Raise ValueError, naming the observation, the reward or the info, at the first value that
    cannot be trained on. An episode that ends is followed by another one.
    """
    while isinstance(environment, _STANDARD):  # which pass on the values, or fail without naming it
        environment = environment.env
    actions = deepcopy(environment.action_space)  # the environment may draw from its own
    actions.seed(0)
    _reset(environment, env_id)
    for step in range(1, steps + 1):
        if _step(environment, env_id, actions.sample(), step):
            _reset(environment, env_id)


def _reset(environment: "gymnasium.Env[Any, Any]", env_id: str) -> None:
    where = f"In the world {env_id!r}, reset"
    try:
        returned: Any = environment.reset(seed=_SEED, options={})
    except Exception as error:
        takes = isinstance(error, TypeError) and "unexpected keyword argument" in str(error)
        remedy = f": define {_SIGNATURE}" if takes else ""
        raise ValueError(f"{where}(seed={_SEED}) fails ({error_text(error)}){remedy}.") from error
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise ValueError(f"{where} returned {_values(returned)}: return (observation, info).")
    observation, info = returned
    _check_observation(observation, environment.observation_space, f"{where} returned")
    _check_info(info, f"{where} returned")


def _step(environment: "gymnasium.Env[Any, Any]", env_id: str, action: Any, number: int) -> bool:
    """Act once; return whether the episode ended."""
    where = f"In the world {env_id!r}, step {number}"
    with user_code(f"{where}, with the action {action},"):
        returned: Any = environment.step(action)
    if not isinstance(returned, tuple) or len(returned) != 5:
        raise ValueError(f"{where} returned {_values(returned)}: return {_STEP}.")
    observation, reward, terminated, truncated, info = returned
    _check_observation(observation, environment.observation_space, f"{where} returned")
    if not _is_finite_number(reward):
        raise ValueError(f"{where} returned the reward {reward!r}: return a finite number.")
    for name, flag in (("terminated", terminated), ("truncated", truncated)):
        if not isinstance(flag, bool | int | np.bool_ | np.integer):
            raise ValueError(f"{where} returned {name} as {flag!r}: return True or False.")
    _check_info(info, f"{where} returned")
    return bool(terminated or truncated)


def _check_info(info: Any, returned: str) -> None:
    if not isinstance(info, dict):
        raise ValueError(
            f"{returned} the info {info!r}: return a dictionary, {{}} if there is nothing to say."
        )


def _check_observation(observation: Any, space: Space[Any], returned: str, name: str = "") -> None:
    """Check one observation, or the entry `name` of one; other spaces are refused elsewhere."""
    which = f"{returned} the observation{f' {name!r}' if name else ''}"
    if isinstance(space, Dict):
        if not isinstance(observation, Mapping):
            raise ValueError(f"{which} {observation!r}: return a dictionary, as its space is one.")
        if missing := space.spaces.keys() - observation.keys():
            lacks = ", ".join(map(repr, sorted(missing)))
            raise ValueError(f"{which} without {lacks}: return every entry of its space.")
        for key, entry in space.spaces.items():
            _check_observation(observation[key], entry, returned, key)
    elif isinstance(space, Box | Discrete | MultiDiscrete):
        _check_numbers(observation, space, which)


def _check_numbers(observation: Any, space: Box | Discrete | MultiDiscrete, which: str) -> None:
    try:
        numbers = np.asarray(observation)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{which} {observation!r}: return an array of numbers.") from error
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"{which} {observation!r}: return numbers.")
    if numbers.shape != space.shape:
        raise ValueError(
            f"{which} of shape {numbers.shape}, but its space has the shape {space.shape}: let"
            " them agree."
        )
    if not np.can_cast(numbers.dtype, space.dtype, "same_kind"):
        raise ValueError(
            f"{which} of type {numbers.dtype}, but its space has the type {space.dtype}: let them"
            " agree."
        )
    if not np.isfinite(numbers).all():
        raise ValueError(f"{which} {observation!r}: return finite numbers.")
    if not isinstance(space, Box) and not space.contains(numbers.astype(space.dtype)[()]):
        raise ValueError(f"{which} {observation!r}, which is not in its space {space}.")


def _is_finite_number(reward: Any) -> bool:
    if not isinstance(reward, bool | int | float | np.generic | np.ndarray):
        return False
    number = np.asarray(reward)
    return number.dtype.kind in "biuf" and number.size == 1 and bool(np.isfinite(number).all())


def _values(returned: Any) -> str:
    """Return what was returned in place of a tuple of the right length."""
    if isinstance(returned, tuple):
        return plural(len(returned), "value")
    return f"a {type(returned).__name__}"
