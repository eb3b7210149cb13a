"""What the trial of one point trains, made of a sweep's values and functions of the space."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from numbers import Integral
from types import FunctionType
from typing import Any

from segue.base.suggestions import suggestion
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.functions import (
    check_required,
    failing_at,
    keyword_names,
    taken_by,
    takes,
)
from segue.plan.world import World

PARTS = ("pipeline", "world", "evaluation", "lanes", "policy")
"""The fields of a sweep that may be functions of names in its space; the first always is."""
FACTORY = ("members", "lanes")
"""The first parameters of a function that makes a world, rather than one of names in the space."""
_OR_FACTORY = ", or let it take (members, lanes) and make worlds"
_Function = Callable[..., Any]


@dataclass(frozen=True)
class TrialSetup:
    """What the trial of one point trains, on which world, and how it is evaluated."""

    pipeline: TrainingPipeline
    world: Any
    evaluation: Evaluation
    lanes: int
    policy: Any


def is_function_of_space(part: str, value: object) -> bool:
    """Return whether the value of a field of a sweep is a function of names in the space.

    The pipeline always is one. Of the other `PARTS`, plain functions (`def` or `lambda`) are; a
    class, a `functools.partial` and any other object is a value. A plain function whose first
    parameters are `members` and `lanes` makes a world, and is a value as well.
    """
    if part == "pipeline":
        return callable(value)
    return isinstance(value, FunctionType) and not (part == "world" and _is_factory(value))


def functions_of_space(sweep: Any) -> dict[str, _Function]:
    """Return the fields of a sweep that are functions of names in its space, by field.

    See `is_function_of_space`.
    """
    given = {part: getattr(sweep, part) for part in PARTS}
    return {part: value for part, value in given.items() if is_function_of_space(part, value)}


def setup_at(sweep: Any, point: Mapping[str, Any]) -> TrialSetup:
    """Return what the trial of a point trains: each function is called with the names it takes.

    Raise ValueError, with the function and the point, where one fails or returns something else
    than its field takes.
    """
    if sweep.trainer is not None:
        raise ValueError(
            "The trials of a sweep with a trainer of its own have no setup: plan_at(point) returns"
            " their stages."
        )
    functions = functions_of_space(sweep)
    parts = {part: getattr(sweep, part) for part in PARTS if part not in functions}
    for part, function in functions.items():
        parts[part] = _result(part, function, point)
    return TrialSetup(**parts)


def check_names(sweep: Any, names: Iterable[str], at: str = "") -> None:
    """Check that each name of the space is taken by a function, and that none requires another.

    `at` names the point at which the space has these names, if others have different ones.
    """
    functions = functions_of_space(sweep)
    known = list(names)
    if set(FACTORY) <= set(known) and _is_factory(sweep.world):
        raise ValueError(
            f"The space names 'members' and 'lanes'{at}, and the world function takes (members,"
            " lanes), as a function does that makes worlds: rename one of the two in the space."
        )
    for name in known:
        if not any(takes(function, name) for function in functions.values()):
            raise ValueError(
                f"The space names {name!r}{at}, which {_what_does_not_take(functions)}:"
                f" {_remedy(name, functions)}"
            )
    for part, function in functions.items():
        instead = _OR_FACTORY if part == "world" else ""
        check_required(part, function, known, at, instead)


def _is_factory(world: object) -> bool:
    return isinstance(world, FunctionType) and tuple(signature(world).parameters)[:2] == FACTORY


def _result(part: str, function: _Function, point: Mapping[str, Any]) -> Any:
    with failing_at(part, point):
        result = function(**taken_by(function, point))
    what, is_valid = _RESULTS[part]
    if not is_valid(result):
        raise ValueError(
            f"The {part} function must return {what}, got {result!r} at {dict(point)}."
        )
    return int(result) if part == "lanes" else result


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


_RESULTS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "pipeline": ("a TrainingPipeline", lambda value: isinstance(value, TrainingPipeline)),
    "world": (
        "the name of a world, a World, or a class or function of (members, lanes)",
        lambda value: callable(value) or (isinstance(value, str | World) and bool(value)),
    ),
    "evaluation": ("an Evaluation", lambda value: isinstance(value, Evaluation)),
    "lanes": ("a whole number of at least 1", _is_count),
    "policy": ("a policy", lambda value: True),  # the trainer checks it
}


def _what_does_not_take(functions: Mapping[str, _Function]) -> str:
    if len(functions) == 1:
        return "the pipeline function does not take"
    return f"none of the sweep's functions ({', '.join(functions)}) takes"


def _remedy(name: str, functions: Mapping[str, _Function]) -> str:
    if name in PARTS and name not in functions:
        return f"write {name}=lambda {name}: {name} if it is the sweep's."
    taken = [keyword for function in functions.values() for keyword in keyword_names(function)]
    return suggestion(name, taken)
