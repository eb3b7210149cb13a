"""How a trial is judged."""

from dataclasses import dataclass

from segue.base.checks import count, flag


@dataclass(frozen=True)
class Evaluation:
    """Episodes played without the teacher and without learning, now and then, on seeds of their
    own.

    `every` counts environment steps of a member between evaluations, `episodes` those of one member
    in one evaluation. With `greedy` the most probable action is taken, otherwise one is sampled. An
    episode is cut after `max_episode_steps`.
    """

    every: int
    episodes: int = 10
    greedy: bool = True
    max_episode_steps: int = 10_000

    def __post_init__(self) -> None:
        for name in ("every", "episodes", "max_episode_steps"):
            object.__setattr__(self, name, count(f"{name} of an Evaluation", getattr(self, name)))
        flag("greedy of an Evaluation", self.greedy)
