"""The settings of training, for a pipeline or for one of its stages."""

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from functools import wraps
from typing import Any, ClassVar, Final, ParamSpec, TypedDict, Unpack, cast

from segue.base.checks import count, flag, fraction, positive, whole_number
from segue.base.counterparts import is_unused
from segue.base.files import JsonObject
from segue.base.suggestions import unknown_keyword
from segue.plan.values.describe import canonical_json, describe


class NotGiven(Enum):
    """The type of `NOT_GIVEN`."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return self.name


NOT_GIVEN: Final = NotGiven.NOT_GIVEN
"""Differs from None, which is a value that a stage may override with."""


class SettingValues(TypedDict, total=False):
    """The keywords of `TrainingSettings`."""

    num_mini_batch: int | None
    update_repeats: int | None
    max_grad_norm: float | None
    num_steps: int | None
    gamma: float | None
    use_gae: bool | None
    gae_lambda: float | None
    advance_scene_rollout_period: int | None
    save_interval: int | None
    metric_accumulate_interval: int | None


def _count_or_none(name: str, value: object) -> int:
    return whole_number(name, value, least=0)


_CHECKS: Final[Mapping[str, Callable[[str, object], object]]] = {
    "num_mini_batch": _count_or_none,
    "update_repeats": _count_or_none,
    "max_grad_norm": positive,
    "num_steps": count,
    "gamma": fraction,
    "use_gae": flag,
    "gae_lambda": fraction,
    "advance_scene_rollout_period": count,
    "save_interval": whole_number,
    "metric_accumulate_interval": count,
}
SETTING_NAMES: Final = tuple(_CHECKS)
MAY_BE_NONE: Final = frozenset({"update_repeats", "advance_scene_rollout_period", "save_interval"})
"""Settings that need no value; a pipeline without them has None."""

P = ParamSpec("P")


class TrainingSettings:
    """How to train, as a value; settings that are not given are `NOT_GIVEN`, which is not None.

    The annotations are those of resolved settings (`TrainingPipeline.settings`), all of which are
    given.

    - `num_mini_batch`: mini-batches into which a rollout is split. 0 only where a stage has no
      on-policy losses.
    - `update_repeats`: passes over the mini-batches of a rollout. 0 or None only where a stage has
      no on-policy losses.
    - `max_grad_norm`: each member's whole gradient is clipped to this L2 norm (AllenAct's page says
      "inf" norm, and its code clips the L2 norm); `math.inf` for no clipping.
    - `num_steps`: steps of a rollout, of each lane.
    - `gamma`: discount factor in [0, 1].
    - `use_gae`, `gae_lambda`: generalised advantage estimation and its parameter in [0, 1].
    - `advance_scene_rollout_period`: rollouts between two enforced scene changes; None for never.
    - `save_interval`: environment steps between checkpoints. None: only at the end of the pipeline;
      <= 0: only at the end of each stage.
    - `metric_accumulate_interval`: environment steps over which metrics are accumulated.

    Raises TypeError for an unknown name (suggesting a known one) or a value of the wrong type,
    ValueError for an impossible value.
    """

    num_mini_batch: int
    update_repeats: int | None
    max_grad_norm: float
    num_steps: int
    gamma: float
    use_gae: bool
    gae_lambda: float
    advance_scene_rollout_period: int | None
    save_interval: int | None
    metric_accumulate_interval: int

    _keywords: ClassVar[tuple[str, ...]] = SETTING_NAMES  # suggested for an unknown name

    def __init__(self, **settings: Unpack[SettingValues]) -> None:
        given = _checked(settings, type(self).__name__, self._keywords)
        for name in SETTING_NAMES:
            self._set(name, given.get(name, NOT_GIVEN))

    @property
    def given(self) -> dict[str, Any]:
        """The settings that are given, by name."""
        return {
            name: value for name in SETTING_NAMES if (value := getattr(self, name)) is not NOT_GIVEN
        }

    def over(self, base: "TrainingSettings") -> "TrainingSettings":
        """Return these settings, completed with those of `base`; neither is changed."""
        return TrainingSettings(**(base.given | self.given))

    def to_dict(self) -> JsonObject:
        """Return the description of the settings that are given, which JSON can hold."""
        return {name: describe(value) for name, value in self.given.items()}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return canonical_json(self.to_dict()) == canonical_json(other.to_dict())

    def __hash__(self) -> int:
        return hash(canonical_json(self.to_dict()))

    def __repr__(self) -> str:
        keywords = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"{type(self).__name__}({keywords})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"{type(self).__name__} is immutable, so its {name} cannot be set: make a new one."
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: its {name} cannot be deleted.")

    def _set(self, name: str, value: object) -> None:
        # For constructors only.
        object.__setattr__(self, name, value)


def merged_settings(
    owner: str, settings: SettingValues, training_settings: TrainingSettings | None
) -> SettingValues:
    """Return the settings of `owner`, given as keywords or as `training_settings`, but not both."""
    if training_settings is None:
        return settings
    if not isinstance(training_settings, TrainingSettings):
        raise TypeError(f"training_settings must be a TrainingSettings, got {training_settings!r}.")
    if settings:
        raise TypeError(
            f"{owner} takes its settings as training_settings or as keywords, not both: move"
            f" {', '.join(sorted(settings))} into training_settings."
        )
    return cast(SettingValues, training_settings.given)


def settings_may_be_left_out(constructor: Callable[P, None]) -> Callable[P, None]:
    """Decorate `constructor` so that settings may be left out or given as `training_settings`.

    Its signature keeps them all, since AllenAct's page names them as required; a setting that is
    left out may still be given by each stage.
    """
    parameters = list(inspect.signature(constructor).parameters)
    owner = constructor.__qualname__.removesuffix(".__init__")

    @wraps(constructor)
    def complete(*args: Any, training_settings: TrainingSettings | None = None, **kw: Any) -> None:
        positional = parameters[: len(args)]
        own = {name: kw[name] for name in SETTING_NAMES if name in kw}
        own |= {name: args[positional.index(name)] for name in SETTING_NAMES if name in positional}
        settings = merged_settings(owner, cast(SettingValues, own), training_settings)
        for name in SETTING_NAMES:
            if name not in positional:
                kw[name] = settings.get(name, None if name in MAY_BE_NONE else NOT_GIVEN)
        constructor(*args, **kw)

    return cast(Callable[P, None], complete)


def _checked(settings: Mapping[str, Any], owner: str, known: tuple[str, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in settings.items():
        if is_unused(name, value):
            continue
        if name not in _CHECKS:
            raise unknown_keyword(owner, name, known, kind="setting")
        has_value = value is not None and value is not NOT_GIVEN
        result[name] = _CHECKS[name](name, value) if has_value else value
    return result
