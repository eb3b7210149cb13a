"""Parameters of a search space that are fixed at one value."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segue.plan.spaces.choices import Choices, is_same
from segue.plan.spaces.domains import Space
from segue.plan.spaces.space_trial import Request, SpaceFunction, SpaceTrial


@dataclass(frozen=True)
class PinnedSpace:
    """A define-by-run space in which some parameters have one value each, and are not proposed.

    Args:
        function: The space function.
        pinned: What a study would record of each value, by the name of its parameter.
    """

    function: SpaceFunction
    pinned: Mapping[str, Any]

    def __call__(self, trial: SpaceTrial) -> Space:
        """Return the keywords of the pipeline function for a trial."""
        return self.function(_PinnedTrial(trial, self.pinned))


class _PinnedTrial(SpaceTrial):
    """A trial that answers the requests for pinned parameters, and passes on all others."""

    def __init__(self, trial: SpaceTrial, pinned: Mapping[str, Any]) -> None:
        super().__init__()
        self._trial = trial
        self._pinned = pinned

    def _answer(self, name: str, request: Request) -> Any:
        if name in self._pinned:
            return value_of(request, recorded_value(name, request, self._pinned[name]))
        return self._trial._request(name, lambda: request)


def recorded_value(name: str, request: Request, given: object) -> Any:
    """Return what a study would record of a value that was given for a parameter.

    Args:
        name: The name of the parameter.
        request: What could be proposed for it.
        given: The value, what a study records of it, or a text that was typed for either.

    Raise ValueError, naming the parameter, for a value that could not be proposed.
    """
    if isinstance(request, Choices):
        labels = [label for label in request.labels if isinstance(label, str) and label == given]
        if labels:
            return labels[0]
    for value in _readings(given):
        try:
            return request.recorded(name, value)
        except ValueError:
            continue
    return request.recorded(name, given)  # raises the error for what was typed


def is_value(given: object, recorded: object) -> bool:
    """Return whether a value, or the text of one, is the value that was recorded."""
    return any(is_same(value, recorded) for value in _readings(given))


def value_of(request: Request, recorded: Any) -> Any:
    """Return the value of which a study records `recorded`."""
    return request.proposed(recorded) if isinstance(request, Choices) else recorded


def _readings(given: object) -> Iterator[object]:
    """Yield what was given, and the Python constant that it spells if it is a text."""
    yield given
    if isinstance(given, str):
        try:
            yield ast.literal_eval(given.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return
