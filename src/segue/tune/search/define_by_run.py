"""Define-by-run search spaces over an Optuna study."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FixedTrial, Trial

from segue.plan.spaces.define_by_run import SpaceFunction
from segue.plan.sweeps.sweep import Sweep
from segue.tune.search.domains import SearchSpace


@dataclass(frozen=True)
class DefineByRunSpace:
    """A search space that is a function of an Optuna trial.

    The study records the values that were suggested; the parameters of a pipeline are what the
    function returns for them.
    """

    function: SpaceFunction

    def ask(self, study: Study) -> Trial:
        """Let the study's sampler propose a new trial."""
        trial = study.ask()
        self.function(trial)
        return trial

    def recorded(
        self, point: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return what the study records for a point, a dictionary of all suggested values.

        Raises ValueError, naming the entry, for a value that is missing, that is never suggested,
        or that lies outside of its range.
        """
        trial = FixedTrial(dict(point))
        try:
            self.function(trial)
        except ValueError as error:
            raise ValueError(
                f"The point {dict(point)} does not fit the space ({error})."
            ) from error
        unused = sorted(point.keys() - trial.distributions.keys())
        if unused:
            raise ValueError(
                f"The point {dict(point)} gives {unused[0]!r}, which the space does not suggest"
                " there."
            )
        return {name: point[name] for name in trial.distributions}, trial.distributions

    def parameters(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """Return the pipeline function's keyword arguments for recorded parameters."""
        return dict(self.function(FixedTrial(dict(recorded))))


def of_recorded(sweep: Sweep, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pipeline function's keyword arguments for the recorded parameters of a trial."""
    space = DefineByRunSpace(sweep.space) if callable(sweep.space) else SearchSpace.of(sweep.space)
    return space.parameters(recorded)
