"""A world as a value: an environment, its arguments, and what is done to its observations."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from segue.base import checks
from segue.plan.pipelines.text import short_text
from segue.plan.values.describe import canonical_json, describe


@dataclass(frozen=True, eq=False, repr=False)
class World:
    """An environment with its arguments, wrappers and normalisation, as a value.

    It names what is made on a worker; nothing is made when the value is. Worlds with equal
    descriptions are equal. A metric of a report is always in the environment's own unit: neither
    `reward_scale` nor `normalize_reward` changes a return that is reported.

    Attributes:
        id: The name of a world, or a function `(members, lanes)` that returns a `VectorWorld`.
        kwargs: Keyword arguments of the environment, as for `gymnasium.make`.
        wrappers: Functions of a Gymnasium environment that return the wrapped one, such as
            wrapper classes; the last one is the outermost.
        metrics: Names of numbers in the `info` of an episode's last step, besides the world's own.
        max_episode_steps: Steps after which an episode is truncated; None for the environment's
            own limit.
        frame_stack: Number of successive observations that are observed together, along the last
            axis (the first one of pictures with the channels first); zeros precede an episode.
        reward_scale: Factor on the rewards that members learn from.
        normalize_observation: Whether observations are shifted and scaled to mean 0 and variance
            1, by the running statistics of the member's training.
        normalize_reward: Whether rewards are divided by the running standard deviation of the
            member's discounted return.
        clip_observation: Largest magnitude of a normalised observation.
        clip_reward: Largest magnitude of a normalised reward.

    Raises ValueError for a value that no world can have.
    """

    id: str | Callable[..., Any]
    _: KW_ONLY
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrappers: Sequence[Callable[[Any], Any]] = ()
    metrics: Sequence[str] = ()
    max_episode_steps: int | None = None
    frame_stack: int = 1
    reward_scale: float = 1.0
    normalize_observation: bool = False
    normalize_reward: bool = False
    clip_observation: float = 10.0
    clip_reward: float = 10.0

    def __post_init__(self) -> None:
        try:
            self._check()
        except TypeError as error:
            raise ValueError(str(error)) from error

    @property
    def name(self) -> str:
        """How messages name the world: by its id, or by the name of its function."""
        return self.id if isinstance(self.id, str) else short_text(self.id)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, World):
            return NotImplemented
        return canonical_json(describe(self)) == canonical_json(describe(other))

    def __hash__(self) -> int:
        return hash(canonical_json(describe(self)))

    def __repr__(self) -> str:
        return f"World({', '.join([_text(self.id), *self.given()])})"

    def given(self) -> list[str]:
        """Return the arguments other than the id that differ from their defaults, as text."""
        shown = []
        for entry in dataclasses.fields(self):
            value = getattr(self, entry.name)
            if entry.name != "id" and value and value != entry.default:
                shown.append(f"{entry.name}={_text(value)}")
        return shown

    def _check(self) -> None:
        if not isinstance(self.id, str) and not callable(self.id):
            raise TypeError(
                f"The id of a World must be a name or a function (members, lanes), got {self.id!r}."
            )
        object.__setattr__(self, "kwargs", _keywords(self.kwargs))
        object.__setattr__(self, "wrappers", _wrappers(self.wrappers))
        object.__setattr__(self, "metrics", checks.names("metrics of a World", self.metrics))
        if self.max_episode_steps is not None:
            checks.count("max_episode_steps of a World", self.max_episode_steps)
        checks.count("frame_stack of a World", self.frame_stack)
        for name in ("normalize_observation", "normalize_reward"):
            checks.flag(f"{name} of a World", getattr(self, name))
        for name in ("reward_scale", "clip_observation", "clip_reward"):
            checks.positive(f"{name} of a World", getattr(self, name))
        checks.finite("reward_scale of a World", self.reward_scale)


def _keywords(kwargs: object) -> dict[str, Any]:
    if not isinstance(kwargs, Mapping) or not all(isinstance(name, str) for name in kwargs):
        raise TypeError(f"kwargs of a World must be a dictionary with string keys, got {kwargs!r}.")
    if "max_episode_steps" in kwargs:
        raise ValueError(
            "kwargs of a World contain max_episode_steps: give it to the World itself."
        )
    return dict(kwargs)


def _wrappers(wrappers: object) -> tuple[Callable[[Any], Any], ...]:
    listed = tuple(wrappers) if isinstance(wrappers, list | tuple) else None
    if listed is None or not all(callable(each) for each in listed):
        raise TypeError(
            "wrappers of a World must be a list of functions of an environment, such as wrapper"
            f" classes, got {wrappers!r}."
        )
    return listed


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_text(each) for each in value)}]"
    return repr(value) if isinstance(value, str) else short_text(value)
