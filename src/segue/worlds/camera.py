"""Pictures of a Gymnasium environment, from a second one that plays what the first one played."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray


class Camera:
    """An environment with a renderer that follows an episode by its seed and its actions.

    So worlds need no renderer while they train, and none is made for worlds that nobody looks at.
    """

    def __init__(self, env_id: str) -> None:
        """Raises ValueError for an environment that has no pictures."""
        try:
            self._env: gymnasium.Env[Any, Any] = gymnasium.make(
                env_id, render_mode="rgb_array", disable_env_checker=True
            )
        except (ImportError, gymnasium.error.Error, TypeError) as error:
            raise ValueError(f"The world {env_id!r} cannot be drawn: {str(error).rstrip('.')}.") from error
        self._seed, self._done = -1, 0

    def picture(self, seed: int, actions: NDArray[Any]) -> NDArray[np.uint8]:
        """The episode of `seed` after these actions, `[height, width, 3]`."""
        if seed != self._seed or len(actions) < self._done:
            self._env.reset(seed=seed)
            self._seed, self._done = seed, 0
        for action in actions[self._done :]:
            self._env.step(action)
        self._done = len(actions)
        return np.asarray(self._env.render(), np.uint8)

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
