"""Pictures of a Gymnasium environment, from a second one that plays what the first one played."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray


class Camera:
    """An environment with a renderer that follows an episode by its seed and its actions.

    So worlds need no renderer while they train, and none is made for worlds that nobody looks at.
    """

    def __init__(self, env_id: str, acted: Callable[[NDArray[Any]], Iterable[Any]]) -> None:
        """`acted` makes the environment's actions of the world's. Raises ValueError where there are
        no pictures.
        """
        self._env_id = env_id
        self._acted = acted
        with self._drawing():
            self._env: gymnasium.Env[Any, Any] = gymnasium.make(
                env_id, render_mode="rgb_array", disable_env_checker=True
            )
        self._seed = -1
        self._done = 0

    def picture(self, seed: int, actions: Sequence[Any]) -> NDArray[np.uint8]:
        """The episode of `seed` after these actions, `[height, width, 3]`; raises ValueError as
        when it is made.
        """
        if seed != self._seed or len(actions) < self._done:
            self._env.reset(seed=seed)
            self._seed = seed
            self._done = 0
        if new := actions[self._done :]:
            for action in self._acted(np.array(new)):
                self._env.step(action)
        self._done = len(actions)
        with self._drawing():  # some look for their packages here only
            return np.asarray(self._env.render(), np.uint8)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        try:
            yield
        except (ImportError, gymnasium.error.Error, TypeError) as error:
            raise ValueError(
                f"The world {self._env_id!r} cannot be drawn: {str(error).rstrip('.')}."
            ) from error

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
