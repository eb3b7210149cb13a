"""Optuna's distributions for what a space proposes."""

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from segue.plan.spaces.choices import Choices
from segue.plan.spaces.ranges import Range


def distribution_of(proposal: Range | Choices) -> BaseDistribution:
    """Return the distribution whose values a study records."""
    if isinstance(proposal, Choices):
        return CategoricalDistribution(list(proposal.labels))
    if proposal.is_integer:
        return IntDistribution(
            int(proposal.low), int(proposal.high), log=proposal.log, step=int(proposal.step or 1)
        )
    return FloatDistribution(proposal.low, proposal.high, log=proposal.log, step=proposal.step)
