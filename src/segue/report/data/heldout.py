"""The best configurations on held-out seeds, next to their values in the search."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from segue.base.text import listed, plural
from segue.plan.mode import Mode
from segue.record.layout import RunLayout
from segue.record.validation import Checked, Steps, read_object
from segue.report.data.statistics import (
    ENOUGH_SEEDS,
    Estimate,
    iqm_interval,
    probability_of_improvement,
)


class _Configuration(Checked):
    trial: Steps
    parameters: dict[str, Any]
    search: FiniteFloat
    per_seed: list[FiniteFloat] = Field(min_length=1)


class _File(Checked):
    """The content of `retrained.json`."""

    mode: Literal["max", "min"]
    configurations: list[_Configuration]


@dataclass(frozen=True)
class HeldOut:
    """A configuration: its trial's values in the search, and its runs on held-out seeds."""

    trial: int
    parameters: Mapping[str, Any]
    search: float
    per_seed: tuple[float, ...]

    @property
    def iqm(self) -> Estimate:
        """Interquartile mean over the held-out seeds, with its interval."""
        return iqm_interval(self.per_seed)


@dataclass(frozen=True)
class Comparison:
    """The configurations, ordered by their values on held-out seeds, best first."""

    mode: Mode
    configurations: tuple[HeldOut, ...]

    @property
    def improvement(self) -> Estimate | None:
        """The probability that a run of the first configuration beats one of the second.

        None if there is only one configuration.
        """
        if len(self.configurations) < 2:
            return None
        first, second = self.configurations[:2]
        return probability_of_improvement(first.per_seed, second.per_seed, self.mode)

    @property
    def tied(self) -> tuple[HeldOut, ...]:
        """The configurations whose interquartile mean is the best one, at least one."""
        best = self.configurations[0].iqm.value
        return tuple(each for each in self.configurations if each.iqm.value == best)

    @property
    def verdict(self) -> str:
        """The winner and how certain it is, in one or two sentences."""
        first = self.configurations[0]
        seeds = f"On {plural(len(first.per_seed), 'seed')} that the search never saw"
        if len(self.tied) > 1:
            tied = listed([str(each.trial) for each in self.tied])
            return f"{seeds}, trials {tied} tie at {first.iqm.value:.4g}."
        winner = f"{seeds}, trial {first.trial} is best: {in_words(first.iqm)}."
        probability = self.improvement
        return winner if probability is None else f"{winner} {self._certainty(probability)}"

    def _certainty(self, probability: Estimate) -> str:
        first, second = self.configurations[:2]
        count = min(len(first.per_seed), len(second.per_seed))
        if count < ENOUGH_SEEDS:
            return (
                f"{plural(count, 'seed')} per configuration cannot distinguish it from trial"
                f" {second.trial}: at least {ENOUGH_SEEDS} are needed."
            )
        conclusion = "distinguishes" if probability.low > 0.5 else "does not distinguish"
        return (
            f"A run of it is better than one of trial {second.trial} with probability"
            f" {in_words(probability)}, which {conclusion} the two."
        )


def in_words(estimate: Estimate) -> str:
    """Format a number and its interval.

    >>> in_words(Estimate(0.5, 0.25, 0.75))
    '0.5 (95 %: 0.25 to 0.75)'
    """
    value, low, high = (f"{number:.4g}" for number in estimate)
    return f"{value} (95 %: {low} to {high})"


def compared(mode: Mode, configurations: list[HeldOut]) -> Comparison:
    """Order the configurations by their interquartile means."""
    sign = 1.0 if mode == "max" else -1.0
    return Comparison(mode, tuple(sorted(configurations, key=lambda each: -sign * each.iqm.value)))


def read_comparison(run: Path) -> Comparison | None:
    """Return the results of `segue retrain`; None if it did not run, or if its file is damaged."""
    return read_held_out(run)[0]


def read_held_out(run: Path) -> tuple[Comparison | None, str | None]:
    """Return the results of `segue retrain`, and a sentence on a file that is damaged."""
    try:
        known = read_object(RunLayout(run).held_out, _File)
    except ValueError as error:
        return None, str(error)
    if known is None or not known.configurations:
        return None, None
    configurations = [
        HeldOut(each.trial, each.parameters, each.search, tuple(each.per_seed))
        for each in known.configurations
    ]
    return compared(known.mode, configurations), None
