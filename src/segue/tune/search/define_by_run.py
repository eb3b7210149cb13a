"""A space function over an Optuna study."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import Trial

from segue.plan.spaces.choices import Choices
from segue.plan.spaces.define_by_run import answered_point
from segue.plan.spaces.space_trial import (
    RecordedTrial,
    Request,
    SpaceError,
    SpaceFunction,
    SpaceTrial,
    keywords_of,
)
from segue.plan.sweeps.sweep import Sweep
from segue.tune.search.distributions import distribution_of
from segue.tune.search.domains import SearchSpace


class _StudyTrial(SpaceTrial):
    """A trial whose answers the study's sampler proposes."""

    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self._trial = trial

    def _answer(self, name: str, request: Request) -> Any:
        try:
            return self._proposed(name, request)
        except ValueError as error:
            raise SpaceError(
                f"The study cannot hold {name!r} as the space requests it at {self.answers}"
                f" ({error}): give parameters that differ between branches different names."
            ) from error

    def _proposed(self, name: str, request: Request) -> Any:
        if isinstance(request, Choices):
            return request.proposed(self._trial.suggest_categorical(name, request.labels))
        suggest = self._trial.suggest_int if request.is_integer else self._trial.suggest_float
        width = {} if request.step is None else {"step": request.step}
        # Any: the two methods differ in the types of the numbers.
        method: Any = suggest
        return method(name, request.low, request.high, log=request.log, **width)


class _DrawnTrial(SpaceTrial):
    """A trial whose answers are drawn from their distributions."""

    def __init__(self, draw: Callable[[str, BaseDistribution], Any]) -> None:
        super().__init__()
        self._draw = draw
        self.recorded: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}

    def _answer(self, name: str, request: Request) -> Any:
        self.distributions[name] = distribution_of(request)
        self.recorded[name] = self._draw(name, self.distributions[name])
        if isinstance(request, Choices):
            return request.proposed(self.recorded[name])
        return self.recorded[name]


@dataclass(frozen=True)
class DefineByRunSpace:
    """A space whose study records the answers to a function's requests.

    The parameters of a pipeline are what the function makes of them.
    """

    function: SpaceFunction

    def ask(self, study: Study) -> Trial:
        """Let the study's sampler propose a new trial; raise SpaceError if the function fails."""
        trial = study.ask()
        keywords_of(self.function, _StudyTrial(trial))
        return trial

    def recorded(
        self, point: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return what the study records for a user's point, a dictionary of all answers.

        Raise ValueError, naming it, for an answer that is missing, not requested, or outside of its
        range.
        """
        trial = answered_point(self.function, point)
        distributions = {name: distribution_of(request) for name, request in trial.requests.items()}
        return trial.recorded, distributions

    def drawn(
        self, draw: Callable[[str, BaseDistribution], Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return what the study would record for a point whose values `draw` returns."""
        trial = _DrawnTrial(draw)
        keywords_of(self.function, trial)
        return trial.recorded, trial.distributions

    def normalized(
        self, recorded: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return what this space's study would record for parameters that a study recorded."""
        return self.recorded(recorded)

    def parameters(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """Return the pipeline function's keyword arguments for recorded parameters."""
        return keywords_of(self.function, RecordedTrial(recorded))


def of_recorded(sweep: Sweep, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pipeline function's keyword arguments for the recorded parameters of a trial."""
    space = DefineByRunSpace(sweep.space) if callable(sweep.space) else SearchSpace.of(sweep.space)
    return space.parameters(recorded)
