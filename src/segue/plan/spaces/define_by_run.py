"""Define-by-run search spaces: functions that suggest parameters on a trial, as in Optuna.

    def space(trial):
        kind = trial.suggest_categorical("kind", ["ppo", "bc_then_ppo"])
        lr = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
        has_imitation = kind == "bc_then_ppo"
        steps = trial.suggest_int("imitation_steps", 10_000, 50_000) if has_imitation else None
        return {"kind": kind, "lr": lr, "imitation_steps": steps}

A parameter with the same meaning in several branches should have the same name there: samplers
then learn from all of them.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from segue.plan.spaces.choices import Choices
from segue.plan.spaces.domains import Point
from segue.plan.spaces.nested import check_no_domain
from segue.plan.spaces.ranges import Range
from segue.plan.spaces.space_trial import (
    PointTrial,
    Request,
    SpaceError,
    SpaceFunction,
    SpaceTrial,
    check_compatible,
    keywords_of,
)
from segue.plan.values.describe import canonical_json, describe

_MOST_CORNERS = 64
_SAMPLES = 64


class ScriptedTrial(SpaceTrial):
    """A trial whose suggestions follow a list of choices, and `otherwise` after its end.

    A choice is an index into the options of a suggestion: all values of a choice, both ends of a
    range; -1 is the last one.
    """

    def __init__(self, choices: Sequence[int], otherwise: int = 0) -> None:
        super().__init__()
        self._choices = list(choices)
        self._otherwise = otherwise
        self.taken: list[int] = []  # the choice of each suggestion so far
        self.options: list[int] = []  # the number of options of each suggestion

    def _answer(self, name: str, request: Request) -> Any:
        values = request.ends
        index = len(self.taken)
        choice = self._choices[index] if index < len(self._choices) else self._otherwise
        choice = choice % len(values)
        self.taken.append(choice)
        self.options.append(len(values))
        return values[choice]


class _SampledTrial(SpaceTrial):
    """A trial whose suggestions are drawn, between the ends of ranges too."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def _answer(self, name: str, request: Request) -> Any:
        if isinstance(request, Choices):
            return self._random.choice(request.values)
        return _drawn(request, self._random)


def function_corners(space: SpaceFunction) -> list[Point]:
    """Return the first point, the last, and those that first differ from them in one suggestion.

    There are at most 64. Raises ValueError when the function fails, does not return a dictionary
    of keywords, or requests what a study cannot hold.
    """
    return [point for point, _ in _corners(space)]


def requests_of(space: SpaceFunction) -> dict[str, Request]:
    """Return what a space function requests, at its corners and at 64 points between them.

    Raise ValueError for a function that a study cannot propose from.
    """
    requests: dict[str, Request] = {}
    for point, trial in [*_corners(space), *_samples(space)]:
        for name, value in point.items():
            check_no_domain(f"The result {name!r} of the space function", value)
        for name, request in trial.requests.items():
            check_compatible(name, requests.setdefault(name, request), request)
    return requests


def answered_point(space: SpaceFunction, point: Mapping[str, Any]) -> PointTrial:
    """Return the trial of a user's point, a dictionary of all answers.

    Raise ValueError, naming it, for an answer that is missing, not requested, or outside of its
    range.
    """
    trial = PointTrial(point)
    try:
        keywords_of(space, trial)
    except SpaceError as error:
        raise ValueError(f"The point {dict(point)} does not fit the space: {error}") from error
    unused = sorted(point.keys() - trial.requests.keys())
    if unused:
        raise ValueError(
            f"The point {dict(point)} gives {unused[0]!r}, which the space does not suggest there."
        )
    return trial


def _corners(space: SpaceFunction) -> list[tuple[Point, ScriptedTrial]]:
    found: dict[str, tuple[Point, ScriptedTrial]] = {}
    queue: list[tuple[list[int], int]] = [([], 0), ([], -1)]
    while queue and len(found) < _MOST_CORNERS:
        choices, otherwise = queue.pop(0)
        trial = ScriptedTrial(choices, otherwise)
        point = keywords_of(space, trial)
        found.setdefault(canonical_json(describe(point)), (point, trial))
        for index in range(len(choices), len(trial.taken)):
            taken = trial.taken[index]
            others = [choice for choice in range(trial.options[index]) if choice != taken]
            queue += [([*trial.taken[:index], choice], otherwise) for choice in others]
    return list(found.values())


def _samples(space: SpaceFunction) -> Iterable[tuple[Point, SpaceTrial]]:
    for seed in range(_SAMPLES):
        trial = _SampledTrial(seed)
        yield keywords_of(space, trial), trial


def _drawn(request: Range, generator: random.Random) -> int | float:
    if request.step is not None:
        steps = round((request.high - request.low) / request.step)
        number = request.low + generator.randint(0, steps) * request.step
    elif request.log:
        number = request.low * (request.high / request.low) ** generator.random()
    else:
        number = request.low + (request.high - request.low) * generator.random()
    return int(number) if request.is_integer else min(float(number), request.high)
