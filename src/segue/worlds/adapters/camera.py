"""Pictures of a Gymnasium environment, drawn by a second one that replays the episode."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.worlds.adapters.environments import Recipe


class Camera:
    """An environment with a renderer that follows an episode by its seed and actions.

    Worlds therefore need no renderer for training, and none is made unless a picture is requested.
    """

    def __init__(self, recipe: Recipe, as_native: Callable[[NDArray[Any]], Iterable[Any]]) -> None:
        """Make the environment; raise ValueError where it cannot be drawn.

        `as_native` converts the world's actions to the environment's.
        """
        self._env_id = recipe.env_id
        self._as_native = as_native
        with self._drawing():
            self._env = recipe.make_drawn()
        self._seed = -1
        self._steps = 0

    def picture(self, seed: int, actions: Sequence[Any]) -> NDArray[np.uint8]:
        """Return the episode of `seed` after these actions, uint8 `[height, width, 3]`.

        Raises ValueError where the environment cannot be drawn.
        """
        if seed != self._seed or len(actions) < self._steps:
            self._env.reset(seed=seed)
            self._seed = seed
            self._steps = 0
        if new_actions := actions[self._steps :]:
            for action in self._as_native(np.array(new_actions)):
                self._env.step(action)
        self._steps = len(actions)
        with self._drawing():  # some environments import their packages only here
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
        """Close the environment that draws the pictures."""
        self._env.close()
