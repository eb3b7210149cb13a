"""Convert `ray.tune` domains to Optuna's distributions, and recorded values to parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import Trial
from ray.tune.search.sample import Domain, Float, Integer, LogUniform, Quantized, Uniform

from segue.plan.spaces.choices import Choices
from segue.plan.spaces.domains import Space, completed_point, proposals
from segue.plan.spaces.ranges import Range
from segue.tune.search.distributions import distribution_of


@dataclass(frozen=True)
class SearchSpace:
    """The distributions of a sweep's parameters, as the study records them.

    Supported: uniform, loguniform, quniform, randint, lograndint, qrandint, choice and grid_search
    of `ray.tune`, and constants. Categories that a study cannot hold (lists, functions, Builders,
    equal ones such as 1 and True) are recorded as labels "index: description".
    """

    space: Space
    proposals: Mapping[str, Range | Choices]
    distributions: Mapping[str, BaseDistribution]

    @classmethod
    def of(cls, space: Space) -> "SearchSpace":
        """Return the search space of a sweep's space.

        Raise ValueError for a domain that Optuna cannot propose from, naming it and what to use
        instead.
        """
        for name, entry in space.items():
            if isinstance(entry, Domain) and not hasattr(entry, "categories"):
                _check_proposable(name, entry)
        found = proposals(space)
        distributions = {name: distribution_of(proposal) for name, proposal in found.items()}
        return cls(dict(space), found, distributions)

    @property
    def constants(self) -> dict[str, Any]:
        """The entries that are the same in every trial."""
        return {name: entry for name, entry in self.space.items() if name not in self.proposals}

    def ask(self, study: Study) -> Trial:
        """Let the study's sampler propose a new trial."""
        return study.ask(dict(self.distributions))

    def recorded(
        self, point: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return what the study records for a point of the grid, or of the user's.

        Raise ValueError, naming it, for a parameter that is missing, unknown, or outside of its
        domain.
        """
        completed = completed_point(self.space, point)
        values = {
            name: proposal.recorded(name, completed[name])
            for name, proposal in self.proposals.items()
        }
        return values, dict(self.distributions)

    def drawn(
        self, draw: Callable[[str, BaseDistribution], Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return what the study would record for a point whose values `draw` returns."""
        distributions = dict(self.distributions)
        return {name: draw(name, each) for name, each in distributions.items()}, distributions

    def normalized(
        self, recorded: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return what this space's study would record for parameters that a study recorded."""
        return self.recorded(self.parameters(recorded))

    def parameters(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """Return the pipeline function's keyword arguments for recorded parameters.

        Numbers may lie outside of their domain, which may change when a sweep resumes. Raise
        ValueError for other parameters than the space has, and for the label of an unknown choice.
        """
        if recorded.keys() != self.proposals.keys():
            raise ValueError(
                f"The recorded parameters {dict(recorded)} are not those of the space"
                f" ({', '.join(self.proposals)})."
            )
        try:
            return {
                name: _proposed(self.proposals.get(name), value) for name, value in recorded.items()
            } | self.constants
        except KeyError as error:
            raise ValueError(f"The parameters {dict(recorded)} are not in the space.") from error


def _proposed(proposal: Range | Choices | None, recorded: object) -> Any:
    return proposal.proposed(recorded) if isinstance(proposal, Choices) else recorded


def _check_proposable(name: str, domain: Domain) -> None:
    sampler = domain.get_sampler()
    step = sampler.q if isinstance(sampler, Quantized) else None
    base = sampler.sampler if isinstance(sampler, Quantized) else sampler
    is_log = isinstance(base, LogUniform)
    if not isinstance(domain, Float | Integer) or not (is_log or isinstance(base, Uniform)):
        raise ValueError(
            f"The space entry {name!r} is a {type(domain).__name__} domain that Optuna cannot"
            " propose from: use uniform, loguniform, randint, choice or grid_search of ray.tune."
        )
    if is_log and step not in (None, 1):
        raise ValueError(
            f"The space entry {name!r} is both logarithmic and quantised, which Optuna cannot"
            " propose: drop the q, or list the values in a choice."
        )
