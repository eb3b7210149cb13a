"""What distinguishes the runs of a comparison: values, winners, definitions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from segue.base.text import value_text
from segue.record.files.differences import compared_entries
from segue.report.compare.runs import ComparedRun
from segue.report.data.statistics import Estimate, probability_of_improvement

EVALUATED_BY = ("world", "evaluation", "aggregate", "trainer")
"""Entries of a definition on which the meaning of a value depends."""


@dataclass(frozen=True)
class RunComparison:
    """Runs of one metric, in the order in which they were given."""

    runs: Sequence[ComparedRun]

    @property
    def metric(self) -> str:
        """Name of the metric of all runs."""
        return self.runs[0].summary.metric

    @property
    def mode(self) -> str:
        """`max` or `min`."""
        return self.runs[0].mode

    @property
    def is_held_out(self) -> bool:
        """Whether the winner of every run was retrained on held-out seeds."""
        return all(run.held_out_seeds for run in self.runs)

    @cached_property
    def seeds(self) -> list[tuple[float, ...]]:
        """The winners' values by seed: held-out ones if every run has them, else the search's."""
        return [run.held_out_seeds if self.is_held_out else run.search_seeds for run in self.runs]

    @cached_property
    def improvement(self) -> dict[tuple[int, int], Estimate]:
        """The probability that a run of one winner is better than one of another, by their indices.

        Pairs of which one has no complete trial are left out.
        """
        known = [index for index, seeds in enumerate(self.seeds) if seeds]
        mode = self.runs[0].mode
        return {
            (one, other): probability_of_improvement(self.seeds[one], self.seeds[other], mode)
            for one in known
            for other in known
            if one != other
        }

    @cached_property
    def reached_by_all(self) -> float | None:
        """The best value that every run has reached; None while one has no complete trial."""
        finals = [run.best_so_far[-1].value for run in self.runs if run.best_so_far]
        if len(finals) < len(self.runs):
            return None
        return min(finals) if self.mode == "max" else max(finals)

    @cached_property
    def parameters(self) -> dict[str, list[str]]:
        """The winners' parameters that differ, with the text of each run's value; "" for none."""
        return {name: texts for name, texts in self._parameters() if len(set(texts)) > 1}

    @cached_property
    def equal_parameters(self) -> dict[str, str]:
        """The winners' parameters that are the same in all runs."""
        return {name: texts[0] for name, texts in self._parameters() if len(set(texts)) == 1}

    @cached_property
    def definitions(self) -> dict[str, list[str]]:
        """The entries of the runs' definitions that differ, and the versions of their code."""
        found = compared_entries([run.summary.definition.sweep for run in self.runs])
        return {**found, **self._versions()}

    @property
    def differs_in_evaluation(self) -> list[str]:
        """The entries that differ and on which the meaning of a value depends."""
        return [name for name in EVALUATED_BY if name in self.definitions]

    def _parameters(self) -> Iterator[tuple[str, list[str]]]:
        found = [run.parameters for run in self.runs]
        for name in dict.fromkeys(name for each in found for name in each):
            yield name, [value_text(each[name]) if name in each else "" for each in found]

    def _versions(self) -> dict[str, list[str]]:
        starts = [_last_start(run) for run in self.runs]
        versions = [start.get("versions", {}) for start in starts]
        found = {
            name: [str(each.get(name, "")) for each in versions]
            for name in sorted({name for each in versions for name in each})
        }
        found["git commit"] = [str(start.get("commit") or "")[:10] for start in starts]
        found["trials requested"] = [str(start.get("trials") or "") for start in starts]
        return {name: texts for name, texts in found.items() if len(set(texts)) > 1}


def _last_start(run: ComparedRun) -> Mapping[str, Any]:
    starts = run.summary.definition.runs
    return starts[-1] if starts else {}
