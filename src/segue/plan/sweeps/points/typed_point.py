"""A point of a sweep's space, of which the values were typed."""

from collections.abc import Mapping
from typing import Any

from segue.base.suggestions import suggestion
from segue.plan.spaces.domains import proposals
from segue.plan.spaces.pins import recorded_value, value_of
from segue.plan.spaces.space_trial import Request, SpaceTrial, keywords_of
from segue.plan.sweeps.sweep import Sweep


def typed_point(sweep: Sweep, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a study records of a point, whose trial can be made.

    Args:
        sweep: The sweep.
        values: The value of each name that the sweep searches, or what a study records of it, or
            the text of either.

    Raise ValueError for a name that is missing or not searched, for a value that could not be
    proposed, and for a point at which a function of the sweep fails.
    """
    trial = _TypedTrial(values)
    if callable(sweep.space):
        keywords = dict(keywords_of(sweep.space, trial))
    else:
        found = proposals(sweep.space)
        keywords = {**sweep.space, **{name: trial.ask(name, found[name]) for name in found}}
    for name in values:
        if name not in trial.requests:
            raise ValueError(
                f"{name!r} is not a name that the sweep searches there:"
                f" {suggestion(name, trial.requests)}"
            )
    sweep.plan_at(keywords)
    return trial.recorded


class _TypedTrial(SpaceTrial):
    """A trial that answers with typed values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._values = values
        self.recorded: dict[str, Any] = {}

    def ask(self, name: str, request: Request) -> Any:
        """Return the value of a name of a space that is not a function."""
        return self._request(name, lambda: request)

    def _answer(self, name: str, request: Request) -> Any:
        if name not in self._values:
            near = [each for each in self._values if each not in self.requests]
            typed = f" (got {', '.join(map(repr, near))})" if near else ""
            raise ValueError(
                f"{name!r} is missing{typed}: give a value for each name that the sweep searches,"
                " or --like TRIAL for those of a trial."
            )
        self.recorded[name] = recorded_value(name, request, self._values[name])
        return value_of(request, self.recorded[name])
