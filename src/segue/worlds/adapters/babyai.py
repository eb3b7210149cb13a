"""BabyAI's levels, and MiniGrid's that the array engine lacks, through the `minigrid` package."""

from contextlib import redirect_stdout
from functools import cache
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.spaces import Dict
from numpy.typing import NDArray

from segue.worlds.adapters.environments import RowObservation
from segue.worlds.adapters.gymnasium import GymnasiumWorld
from segue.worlds.adapters.missions import NumberedMissions, most_words
from segue.worlds.adapters.package_view import speed_up_view
from segue.worlds.world import Advice, State

_PREFIX = "BabyAI-"
# Levels in which the bot gives up in most episodes.
_TOO_HARD = ("BabyAI-KeyInBox-", "Carrying-", "BabyAI-UnlockToUnlock-")
_NO_BOT = -1
_MOST_SEARCHES = 100  # of the bot in one step; where it finds a plan, it needs fewer than ten


def bot_plays(env_id: str) -> bool:
    """Return whether BabyAI's bot solves this level, in at least 19 of 20 episodes."""
    return env_id.startswith(_PREFIX) and not any(part in env_id for part in _TOO_HARD)


class BabyAI(GymnasiumWorld):
    """A level of the `minigrid` package in `members * lanes` lanes.

    Chevalier-Boisvert et al., BabyAI, ICLR 2019. Observes a dictionary as one row of numbers, uint8
    [L, O]: "direction", "image" [7, 7, 3], and the words of the "mission" by number
    (`segue.worlds.adapters.missions`); `missions` has their text. Metric: `success`, a positive
    reward.

    The expert of BabyAI's levels is the package's bot. It must observe every step from the one at
    which it is first consulted in an episode, so that it follows its lane from then on, consulted
    or not; it works best when it is consulted from an episode's beginning. It gives up (no action
    is available until the episode ends) where an action has invalidated its plan, such as opening
    a box.
    """

    metrics = ("success",)

    def __init__(
        self, env_id: str, members: int, lanes: int, *, metrics: tuple[str, ...] = (), **rest: Any
    ) -> None:
        """Make the environments; the keywords are those of `GymnasiumWorld`.

        With wrappers, the observations are what these return, and missions are their affair.
        """
        own = [name for name in self.metrics if name not in metrics]
        super().__init__(env_id, members, lanes, metrics=(*own, *metrics), **rest)
        self.has_expert = bot_plays(env_id)
        # While a state is loaded: the step of each episode at which its bot began.
        self._bot_starts: list[int] = []

    @property
    def missions(self) -> list[str]:
        """The mission of each lane's present episode, [L]."""
        return [environment.unwrapped.mission for environment in self._environments()]  # type: ignore[attr-defined]

    def expert(self) -> Advice:
        """Consult the bots; see `VectorWorld.expert`."""
        if not self.has_expert:
            return super().expert()
        actions = [environment.advise() for environment in self._bots()]
        available = np.array([action is not None for action in actions])
        return Advice(np.array([action or 0 for action in actions], np.int64), available)

    def state_dict(self) -> State:
        """Return the running episodes' seeds and actions, and where their bots began.

        See `VectorWorld.state_dict`.
        """
        bot_starts = [environment.bot_start for environment in self._bots()]
        return {**super().state_dict(), "asked_at": np.array(bot_starts, np.int64)}

    def load_state_dict(self, state: State) -> None:
        """Replay the episodes of `state`, bots included; see `VectorWorld.load_state_dict`."""
        self._bot_starts = np.asarray(state["asked_at"]).tolist()
        super().load_state_dict(state)

    def _make(self) -> "gymnasium.Env[Any, Any]":
        environment = self.recipe.make()
        speed_up_view(environment)
        if not self.recipe.wrappers:
            environment = NumberedMissions(environment, most_words(self.env_id))
        if isinstance(environment.observation_space, Dict):
            environment = RowObservation(environment, self.env_id)
        return _WithBot(environment)

    def _replay(
        self, lane: int, environment: "gymnasium.Env[Any, Any]", actions: NDArray[Any]
    ) -> None:
        cast(_WithBot, environment).follow_from(self._bot_starts[lane])
        super()._replay(lane, environment, actions)

    def _bots(self) -> "list[_WithBot]":
        return cast("list[_WithBot]", self._environments())


class _WithBot(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Reports success, and lets the bot follow the episode once it is consulted."""

    def __init__(self, env: "gymnasium.Env[Any, Any]") -> None:
        super().__init__(env)
        self.bot_start = _NO_BOT
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
        self.bot_start = _NO_BOT
        self._steps = 0
        self._bot = None
        self._advised = None
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act, and show the action to the bot."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps += 1
        if terminated or truncated:
            info = {**info, "success": float(reward) > 0}
        else:
            self._follow(action)
        return observation, reward, terminated, truncated, info

    def advise(self) -> int | None:
        """Return the bot's next action; None where it has given up."""
        if self.bot_start == _NO_BOT:
            self.follow_from(self._steps)
        return self._advised

    def follow_from(self, step: int) -> None:
        """Start the bot at this step of the episode, which is the present or a later one."""
        self.bot_start = step
        self._follow(None)

    def _follow(self, action: Any) -> None:
        """Show the last action to the bot, and store its next one."""
        if self._steps == self.bot_start:
            self._bot = _bot_class()(self.env)
            action = None
        if self._bot is None:
            return
        self._bot.searches = 0
        try:
            self._advised = int(self._bot.replan(action))
        except Exception:  # a learner may have made impossible what the bot asserts or looks up
            self._bot = self._advised = None


@cache
def _bot_class() -> Any:
    """Return the package's bot, made to raise RecursionError where it would plan forever."""
    from minigrid.utils.baby_ai_bot import BabyAIBot

    class Bot(BabyAIBot):  # type: ignore[misc]
        searches = 0

        def _breadth_first_search(self, *args: Any, **kwargs: Any) -> Any:
            self.searches += 1
            if self.searches > _MOST_SEARCHES:
                raise RecursionError("The bot's plan returns to itself.")
            return super()._breadth_first_search(*args, **kwargs)

    return Bot
