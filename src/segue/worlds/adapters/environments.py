"""Gymnasium's environments: making them, stepping them as one vector, and reading metrics."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import NormalizeObservation, NormalizeReward
from numpy.typing import NDArray

from segue.base.text import error_text
from segue.base.user_code import user_code
from segue.plan.pipelines.text import short_text
from segue.worlds.adapters.spaces import row_space, row_view

_EXTRAS = {
    "Box2D": "box2d",
    "mujoco": "mujoco",
    "jax": "jax",
    "ale_py": "atari",
    "pygame": "classic-control",
}


class RowObservation(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Observes a dictionary's entries as one row of numbers."""

    def __init__(self, env: "gymnasium.Env[Any, Any]", env_id: str) -> None:
        """Wrap an environment; raise ValueError for an entry that no policy here supports."""
        super().__init__(env)
        assert isinstance(env.observation_space, Dict)
        self.entries, self._row = row_view(env.observation_space, env_id)
        """The entries of a row, and the function that makes a row of an observation."""
        self.observation_space = row_space(self.entries)

    def observation(self, observation: Any) -> NDArray[Any]:
        """Return the observation as a row."""
        return self._row(observation)


class VectorEnvironment(SyncVectorEnv):
    """Gymnasium's synchronous vector environment over existing environments."""

    def __init__(
        self,
        environments: "Sequence[gymnasium.Env[Any, Any]]",
        observation: NDArray[Any] | None = None,
    ) -> None:
        makers = [lambda environment=environment: environment for environment in environments]
        super().__init__(makers, copy=False, autoreset_mode=AutoresetMode.DISABLED)
        # A masked reset stacks the other lanes' last observations, which must therefore exist.
        if observation is not None:
            self._env_obs = list(observation)

    def _add_info(
        self, vector_infos: dict[Any, Any], env_info: dict[str, Any], env_num: int
    ) -> dict[Any, Any]:
        """Add the info of one environment, under its number.

        Gymnasium would stack the values of all, in the type of the first one: 0.5 becomes 0 beside
        a whole number.
        """
        vector_infos[env_num] = env_info
        return vector_infos

    def release(self) -> None:
        """Drop the environments without closing them, now or when this object is collected."""
        self.envs = []
        self.closed = True


@dataclass(frozen=True)
class Recipe:
    """How an environment is made: its arguments, and its wrappers, the last of them outermost."""

    env_id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrappers: Sequence[Callable[[Any], Any]] = ()
    max_episode_steps: int | None = None

    def make(self) -> "gymnasium.Env[Any, Any]":
        """Make an environment.

        Raise ValueError if a package is missing, if Gymnasium refuses, and if the code of the
        environment or of a wrapper fails.
        """
        env_id = self.env_id
        try:
            environment = self._made(self.kwargs)
        except Exception as error:  # of Gymnasium or of the environment's own code
            missing = error if isinstance(error, ImportError) else error.__cause__
            if isinstance(missing, ImportError) and missing.name:
                raise ValueError(_missing_package(env_id, missing.name)) from error
            said = error_text(error)
            if isinstance(error, gymnasium.error.Error):
                said = str(error).rstrip(".")
            raise ValueError(f"Gymnasium cannot make the world {env_id!r}: {said}.") from error
        return self._wrapped(environment)

    def make_drawn(self) -> "gymnasium.Env[Any, Any]":
        """Make an environment that draws itself; raise what Gymnasium raises where none can."""
        return self._wrapped(self._made({**self.kwargs, "render_mode": "rgb_array"}))

    def _made(self, kwargs: Mapping[str, Any]) -> "gymnasium.Env[Any, Any]":
        return gymnasium.make(
            self.env_id,
            max_episode_steps=self.max_episode_steps,
            disable_env_checker=True,
            **kwargs,
        )

    def _wrapped(self, environment: "gymnasium.Env[Any, Any]") -> "gymnasium.Env[Any, Any]":
        """Return an environment in the wrappers; raise ValueError for one that fails."""
        for wrapper in self.wrappers:
            which = f"The wrapper {short_text(wrapper)} of the world {self.env_id!r}"
            made_by = wrapper.func if isinstance(wrapper, partial) else wrapper
            if made_by in (NormalizeObservation, NormalizeReward):
                instead = "observation" if made_by is NormalizeObservation else "reward"
                raise ValueError(
                    f"{which} has statistics that no checkpoint contains: give the World"
                    f" normalize_{instead}=True instead."
                )
            with user_code(which):
                environment = wrapper(environment)
            if not isinstance(environment, gymnasium.Env):
                raise ValueError(
                    f"{which} returned {environment!r}: let it return the wrapped environment."
                )
        return environment


def _missing_package(env_id: str, module: str) -> str:
    package = f'"gymnasium[{_EXTRAS[module]}]"' if module in _EXTRAS else module
    return (
        f"The world {env_id!r} needs the package {module}, which is not installed: run `pip install"
        f" {package}`."
    )


def read_metric(name: str, info: Mapping[str, Any]) -> float:
    """Return a metric from the info of an episode's last step; NaN where it is not reported.

    Raise ValueError for a value that is not a number.
    """
    key = "is_success" if name == "success" and name not in info else name
    value = info.get(key)
    if value is None:
        return math.nan
    number = np.asarray(value)
    if number.size != 1 or number.dtype.kind not in "biuf":
        raise ValueError(f"An episode's info has {value!r} as {key!r}: let it be a number.")
    return float(number.reshape(()))
