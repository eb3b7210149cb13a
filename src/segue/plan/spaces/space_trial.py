"""What a define-by-run space function calls: a trial that answers its requests."""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from segue.plan.spaces.choices import Choices
from segue.plan.spaces.domains import Point, Space
from segue.plan.spaces.ranges import Range, checked_range

Request: TypeAlias = Range | Choices
SpaceFunction: TypeAlias = Callable[[Any], Space]
"""Returns the keywords of the pipeline function, for a trial with Optuna's `suggest_*` methods."""
_INSTEAD = {
    "suggest_uniform": "suggest_float(name, low, high)",
    "suggest_loguniform": "suggest_float(name, low, high, log=True)",
    "suggest_discrete_uniform": "suggest_float(name, low, high, step=q)",
}


class SpaceError(ValueError):
    """A space function from which trials cannot be proposed; the message says why."""


class _UnknownCallError(AttributeError):
    """A call of something that a space's trial does not have; the message is a sentence."""


class SpaceTrial(abc.ABC):
    """A trial as a space function sees it: three of Optuna's `suggest_*` methods, nothing else.

    The result of a space must depend on their values alone, since a trial is built again from its
    recorded values. A name that is requested twice gets the same value, and must have the same
    range.
    """

    def __init__(self) -> None:
        self.requests: dict[str, Request] = {}
        self.answers: dict[str, Any] = {}

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices."""
        if not isinstance(choices, Iterable) or isinstance(choices, str | set | frozenset):
            # A set has another order in every process.
            raise SpaceError(f"The choices of {name!r} must be a list, got {choices!r}.")
        return self._request(name, lambda: Choices.of(name, choices))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from `low` to `high`."""
        return float(self._request(name, lambda: checked_range(name, low, high, step, log=log)))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Return a whole number from `low` to `high`."""
        return int(
            self._request(name, lambda: checked_range(name, low, high, step, log=log, whole=True))
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        instead = (
            f"write trial.{_INSTEAD[name]}"
            if name in _INSTEAD
            else "its result must depend on the values of these alone"
        )
        raise _UnknownCallError(
            f"The space uses trial.{name}, but a space may call only trial.suggest_categorical,"
            f" trial.suggest_float and trial.suggest_int: {instead}."
        )

    @abc.abstractmethod
    def _answer(self, name: str, request: Request) -> Any:
        """Return the value of a parameter that is requested for the first time."""

    def _request(self, name: str, make: Callable[[], Request]) -> Any:
        if not isinstance(name, str):
            raise SpaceError(f"The space requests a parameter named {name!r}: give it a string.")
        try:
            request = make()
            if name not in self.requests:
                self.requests[name] = request
                self.answers[name] = self._answer(name, request)
        except ValueError as error:
            raise SpaceError(str(error)) from error
        _check_equal(name, self.requests[name], request)
        return self.answers[name]


class RecordedTrial(SpaceTrial):
    """A trial whose answers are given: what a study recorded of them, by name."""

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        super().__init__()
        self._recorded = recorded

    def _answer(self, name: str, request: Request) -> Any:
        if name not in self._recorded:
            raise SpaceError(f"The space requests {name!r}, which the trial was not given.")
        recorded = self._recorded[name]
        if isinstance(request, Range):  # perhaps outside: a range may change when a sweep resumes
            return recorded
        try:
            return request.proposed(recorded)
        except KeyError as error:
            raise SpaceError(f"The choice {recorded!r} of {name!r} is not in the space.") from error


class PointTrial(SpaceTrial):
    """A trial whose answers are given by a user: values, or what a study records of them."""

    def __init__(self, point: Mapping[str, Any]) -> None:
        super().__init__()
        self._point = point
        self.recorded: dict[str, Any] = {}

    def _answer(self, name: str, request: Request) -> Any:
        if name not in self._point:
            raise SpaceError(f"{name!r} is missing: give a value for every parameter.")
        given = self._point[name]
        if isinstance(request, Range):
            self.recorded[name] = request.recorded(name, given)
            return self.recorded[name]
        is_label = isinstance(given, str) and given in request.labels
        self.recorded[name] = given if is_label else request.recorded(name, given)
        return request.proposed(self.recorded[name])


def keywords_of(space: SpaceFunction, trial: SpaceTrial) -> Point:
    """Return the pipeline function's keywords for a trial.

    Raise SpaceError when the function fails, or does not return a dictionary.
    """
    try:
        keywords = space(trial)
    except (SpaceError, _UnknownCallError) as error:
        raise SpaceError(str(error)) from error
    except Exception as error:
        raise SpaceError(_failure(error, trial)) from error
    if not isinstance(keywords, Mapping):
        raise SpaceError(
            "The space function must return a dictionary of the pipeline function's keywords, got"
            f" {keywords!r}."
        )
    return dict(keywords)


def check_compatible(name: str, one: Request, other: Request) -> None:
    """Raise SpaceError if a study cannot hold a parameter that two trials requested so.

    Ranges of the same kind may differ from trial to trial; choices may not.
    """
    if isinstance(one, Choices) and isinstance(other, Choices):
        is_compatible = one.labels == other.labels
    elif isinstance(one, Range) and isinstance(other, Range):
        is_compatible = (one.is_integer, one.log) == (other.is_integer, other.log)
    else:
        is_compatible = False
    if not is_compatible:
        raise SpaceError(
            f"The space requests {name!r} as {_text(one)} in one branch and as {_text(other)} in"
            " another, which one study cannot hold: give them different names."
        )


def _check_equal(name: str, one: Request, other: Request) -> None:
    is_equal = (
        one.labels == other.labels
        if isinstance(one, Choices) and isinstance(other, Choices)
        else one == other
    )
    if not is_equal:
        raise SpaceError(
            f"The space requests {name!r} twice in one trial, as {_text(one)} and as"
            f" {_text(other)}: give them different names."
        )


def _text(request: Request) -> str:
    is_log = isinstance(request, Range) and request.log
    return f"{request}{' on a logarithmic scale' if is_log else ''}"


def _failure(error: Exception, trial: SpaceTrial) -> str:
    at = f" at {trial.answers}" if trial.answers else ""
    if type(error).__name__ == "TrialPruned":
        return (
            f"The space function raises TrialPruned{at}, but a space cannot reject a point: request"
            " only what can be trained, or state the condition in the sweep's constraints."
        )
    return f"The space function fails{at}: {type(error).__name__}: {error}"
