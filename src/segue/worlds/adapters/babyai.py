"""BabyAI's levels, and those of MiniGrid that the array engine lacks, through the `minigrid`
package.
"""

from contextlib import redirect_stdout
from functools import cache
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.worlds.adapters.gymnasium import GymnasiumWorld, Rows, make
from segue.worlds.adapters.missions import NumberedMissions, most_words
from segue.worlds.adapters.package_view import hasten
from segue.worlds.world import Advice, State

_PREFIX = "BabyAI-"
_TOO_HARD = (
    "BabyAI-KeyInBox-",
    "Carrying-",
    "BabyAI-UnlockToUnlock-",
)  # the bot gives up in most episodes
_NO_BOT = -1
_MOST_SEARCHES = 100  # of the bot in one step; where it finds a plan it takes below ten


def bot_plays(env_id: str) -> bool:
    """Whether BabyAI's bot solves the level of this id: every episode, or, in a few levels, 19 out
    of 20.
    """
    return env_id.startswith(_PREFIX) and not any(part in env_id for part in _TOO_HARD)


class BabyAI(GymnasiumWorld):
    """A level of the `minigrid` package in `members * lanes` lanes (Chevalier-Boisvert et al.,
    BabyAI, ICLR 2019).

    Observes a dictionary as one row of numbers, uint8 [L, O]: "direction", "image" [7, 7, 3], and
    the words of the "mission" by number (`segue.worlds.adapters.missions`), which `missions` has in
    full. Metric: `success`, a positive reward.

    The expert of BabyAI's levels is the package's bot. It must see every step from where it was
    first asked in an episode, so from there on it follows its lane, asked or not; being asked from
    an episode's beginning serves it best. It gives up (nothing available until the episode ends)
    where an action has broken its plan, such as opening a box.
    """

    metrics = ("success",)

    def __init__(self, env_id: str, members: int, lanes: int) -> None:
        super().__init__(env_id, members, lanes, metrics=self.metrics)
        self.has_expert = bot_plays(env_id)
        self._asked_at: list[
            int
        ] = []  # while a state is loaded: the step of each episode at which its bot began

    @property
    def missions(self) -> list[str]:
        """[L] what each lane is told to do in its present episode."""
        return [environment.unwrapped.mission for environment in self._environments()]  # type: ignore[attr-defined]

    def expert(self) -> Advice:
        """Ask the bots; see `World.expert`."""
        if not self.has_expert:
            return super().expert()
        advised = [environment.advise() for environment in self._environments()]  # type: ignore[attr-defined]
        available = np.array([action is not None for action in advised])
        return Advice(np.array([action or 0 for action in advised], np.int64), available)

    def state_dict(self) -> State:
        """Return the running episodes' seeds and actions, and where their bots began; see
        `World.state_dict`.
        """
        asked_at = [environment.asked_at for environment in self._environments()]  # type: ignore[attr-defined]
        return {**super().state_dict(), "asked_at": np.array(asked_at, np.int64)}

    def load_state_dict(self, state: State) -> None:
        """Play the episodes of `state` again, bots included; see `World.load_state_dict`."""
        self._asked_at = np.asarray(state["asked_at"]).tolist()
        super().load_state_dict(state)

    def _make(self) -> "gymnasium.Env[Any, Any]":
        environment = make(self._env_id)
        hasten(environment)
        return _WithBot(Rows(NumberedMissions(environment, most_words(self._env_id)), self._env_id))

    def _replay(
        self, lane: int, environment: "gymnasium.Env[Any, Any]", actions: NDArray[Any]
    ) -> None:
        environment.follow_from(self._asked_at[lane])  # type: ignore[attr-defined]
        super()._replay(lane, environment, actions)


class _WithBot(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Tells of success, and lets the bot follow where it is asked."""

    def __init__(self, env: "gymnasium.Env[Any, Any]") -> None:
        super().__init__(env)
        self.asked_at = _NO_BOT
        """The step of the episode at which the bot began to follow."""
        self._steps = 0
        self._bot: Any = None
        self._advised: int | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, without a bot."""
        with redirect_stdout(None):  # some levels print each layout that they reject
            observation, info = self.env.reset(seed=seed, options=options)
        self.asked_at = _NO_BOT
        self._steps = 0
        self._bot = None
        self._advised = None
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act, and let the bot see it."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps += 1
        over = terminated or truncated
        if not over:
            self._follow(action)
        return (
            observation,
            reward,
            terminated,
            truncated,
            {"success": float(reward) > 0} if over else info,
        )

    def advise(self) -> int | None:
        """Return what the bot would do now; None where it has given up."""
        if self.asked_at == _NO_BOT:
            self.follow_from(self._steps)
        return self._advised

    def follow_from(self, step: int) -> None:
        """Have the bot begin at this step of the episode, be it the present one or a later one."""
        self.asked_at = step
        self._follow(None)

    def _follow(self, action: Any) -> None:
        """Tell the bot what was done, and keep what it would do next."""
        if self._steps == self.asked_at:
            self._bot = _bot_class()(self.env)
            action = None
        if self._bot is None:
            return
        self._bot.searches = 0
        try:
            self._advised = int(self._bot.replan(action))
        except (
            Exception
        ):  # the bot asserts, looks up and compares what a learner may have made impossible
            self._bot = self._advised = None


@cache
def _bot_class() -> Any:
    """Return the package's bot, made to raise RecursionError where it would plan without end."""
    from minigrid.utils.baby_ai_bot import BabyAIBot

    class Bot(BabyAIBot):  # type: ignore[misc]
        searches = 0

        def _breadth_first_search(self, *args: Any, **kwargs: Any) -> Any:
            self.searches += 1
            if self.searches > _MOST_SEARCHES:
                raise RecursionError("The plan comes back to itself.")
            return super()._breadth_first_search(*args, **kwargs)

    return Bot
