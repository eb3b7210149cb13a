"""How the members of a trial are evaluated."""

from dataclasses import dataclass

from segue.base.checks import count, flag


@dataclass(frozen=True)
class Evaluation:
    """Evaluation episodes: without the teacher and without learning, on seeds of their own.

    - `every`: environment steps of a member between two evaluations.
    - `episodes`: episodes of each member in one evaluation.
    - `greedy`: whether the most probable action is taken; otherwise one is sampled.
    - `max_episode_steps`: steps after which an episode is cut.
    - `mean_of_last`: reports over which the metric of a trial's last report is the mean, as many as
      its last stage has at most. The best of many trials by a single evaluation is partly luck.
    """

    every: int
    episodes: int = 10
    greedy: bool = True
    max_episode_steps: int = 10_000
    mean_of_last: int = 1

    def __post_init__(self) -> None:
        for name in ("every", "episodes", "max_episode_steps", "mean_of_last"):
            object.__setattr__(self, name, count(f"{name} of an Evaluation", getattr(self, name)))
        flag("greedy of an Evaluation", self.greedy)
