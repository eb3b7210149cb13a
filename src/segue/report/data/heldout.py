"""The best configurations on held-out seeds, next to their values in the search."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.plan.mode import Mode
from segue.record.layout import RunLayout
from segue.report.data.statistics import Estimate, iqm_interval, probability_of_improvement


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
    def verdict(self) -> str:
        """The winner and how certain it is, in one or two sentences."""
        first = self.configurations[0]
        seeds = f"On {len(first.per_seed)} seeds that the search never saw"
        winner = f"{seeds}, trial {first.trial} is best: {in_words(first.iqm)}."
        probability = self.improvement
        if probability is None:
            return winner
        second = self.configurations[1].trial
        conclusion = (
            "which distinguishes the two"
            if probability.low > 0.5
            else "which does not distinguish the two"
        )
        return (
            f"{winner} A run of it is better than one of trial {second} with probability"
            f" {in_words(probability)}, {conclusion}."
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
    try:
        known = json.loads(RunLayout(run).held_out.read_text())
        configurations = [
            HeldOut(
                int(each["trial"]),
                dict(each["parameters"]),
                float(each["search"]),
                _numbers(each["per_seed"]),
            )
            for each in known["configurations"]
        ]
        return (
            compared("min" if known["mode"] == "min" else "max", configurations)
            if configurations
            else None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _numbers(values: list[Any]) -> tuple[float, ...]:
    if not values:
        raise ValueError("a configuration without seeds")
    return tuple(float(value) for value in values)
