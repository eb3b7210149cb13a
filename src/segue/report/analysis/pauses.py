"""When trials of a freeze-thaw search were paused and resumed, and how well it predicted ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from segue.record.study.attributes import PAUSES, PREDICTED_END
from segue.record.study.trials import COMPLETE, FAILED
from segue.report.analysis.stopping import spearman
from segue.report.data.evidence import Evidence

SURE = 0.8
"""The probability of the interval of a predicted end."""


@dataclass(frozen=True)
class End:
    """The predicted end of a trial, and the ends of its 80 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> "End":
        """Return the end that the study records."""
        return cls(*(float(recorded[name]) for name in ("value", "low", "high")))


@dataclass(frozen=True)
class Resumed:
    """When a trial resumed, and between how many others it was the most promising.

    A check resumes whatever is predicted of it, since early values may mislead.
    """

    spent: int
    of: int
    new: int
    is_check: bool


@dataclass(frozen=True)
class Pause:
    """A pause of a trial.

    `at` are steps of one of its members, `spent` those of all trials and seeds of the sweep.
    """

    trial: int
    at: int
    spent: int
    end: End
    instead: int | None
    resumed: Resumed | None


@dataclass(frozen=True)
class Prediction:
    """The predicted end of a trial at a pause, and what the trial ended with."""

    pause: Pause
    actual: float

    @property
    def is_within(self) -> bool:
        """Whether the trial ended in the interval of the prediction."""
        end = self.pause.end
        margin = 1e-9 * max(abs(end.low), abs(end.high))  # of an interval without a width
        return end.low - margin <= self.actual <= end.high + margin


@dataclass(frozen=True)
class Pauses:
    """All pauses of a run, in the order in which they came."""

    evidence: Evidence
    pauses: Sequence[Pause]

    @classmethod
    def of(cls, evidence: Evidence) -> "Pauses":
        """Read what the study records."""
        found = [
            _pause(trial.number, each)
            for trial in evidence.summary.trials
            for each in trial.user_attrs.get(PAUSES, [])
        ]
        return cls(evidence, sorted(found, key=lambda pause: (pause.spent, pause.trial)))

    @cached_property
    def resumed(self) -> list[Pause]:
        """The pauses after which the trial resumed."""
        return [pause for pause in self.pauses if pause.resumed is not None]

    @cached_property
    def ends(self) -> dict[int, End]:
        """The newest predicted end of each trial that did not run to its end, by its number."""
        ended = {
            trial.number for trial in self.evidence.trials if trial.state in (COMPLETE, FAILED)
        }
        return {
            trial.number: End.of(trial.user_attrs[PREDICTED_END])
            for trial in self.evidence.summary.trials
            if PREDICTED_END in trial.user_attrs and trial.number not in ended
        }

    @cached_property
    def predictions(self) -> list[Prediction]:
        """The predictions for the trials that resumed and ran to their ends."""
        actual = {trial.number: trial.metric for trial in self.evidence.complete}
        return [
            Prediction(pause, float(value))
            for pause in self.pauses
            if (value := actual.get(pause.trial)) is not None
        ]

    @property
    def share_within(self) -> float:
        """The share of the predictions whose trial ended in the interval."""
        return sum(each.is_within for each in self.predictions) / len(self.predictions)

    @property
    def median_error(self) -> float:
        """The median distance of a prediction from the end."""
        return median(abs(each.actual - each.pause.end.value) for each in self.predictions)

    @property
    def correlation(self) -> float | None:
        """Spearman's rank correlation of each trial's first prediction with its end."""
        first: dict[int, Prediction] = {}
        for each in self.predictions:
            first.setdefault(each.pause.trial, each)
        predicted = [each.pause.end.value for each in first.values()]
        return spearman(predicted, [each.actual for each in first.values()])


def _pause(number: int, recorded: Mapping[str, Any]) -> Pause:
    later = recorded.get("resumed")
    resumed = Resumed(*(later[name] for name in ("spent", "of", "new", "check"))) if later else None
    at = recorded["at"]
    spent = recorded["spent"]
    return Pause(number, at, spent, End.of(recorded), recorded.get("instead"), resumed)
