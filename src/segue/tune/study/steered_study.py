"""The requests of people to a sweep, as its study records them."""

from collections.abc import Mapping
from typing import Any

from optuna.trial import TrialState, create_trial

from segue.record.study.attributes import STEERED, STEERING
from segue.record.study.steering import pause_of, steered_of
from segue.tune.study.open_study import OpenStudy


class SteeredStudy(OpenStudy):
    """An open study that records what people request of the sweep."""

    def add(self, recorded: Mapping[str, Any], request: Mapping[str, Any]) -> int:
        """Record a trial that a person adds as WAITING, with its request; return its number.

        `recorded` is what a study records of its parameters. Raise ValueError where they do not lie
        in the space.
        """
        params, distributions = self._space.normalized(recorded)
        trial = create_trial(
            state=TrialState.WAITING,
            params=params,
            distributions=distributions,
            user_attrs={STEERED: [dict(request)]},
        )
        for copy in (self._disk, self._memory):
            copy.study.add_trial(trial)
        self.added.append(self.adopted + len(self) - 1)
        self._upload()
        return self.added[-1]

    @property
    def own(self) -> int:
        """How many trials the sweep has without those that people have added."""
        return len(self) - len(self.added)

    def steer(self, request: Mapping[str, Any]) -> None:
        """Record a request of a person to the whole sweep, or one that had no effect."""
        steering = [*self._steering, dict(request)]
        self._disk.annotate_study(STEERING, steering)
        self._steering = steering
        self._upload()

    @property
    def pause_request(self) -> Mapping[str, Any] | None:
        """The request that paused the sweep; None of one that is not paused."""
        return pause_of(self._steering)

    @property
    def requests(self) -> set[str]:
        """The names of all requests that the study records."""
        of_trials = (each["request"] for trial in self.trials for each in steered_of(trial))
        return {each["request"] for each in self._steering} | set(of_trials)

    def steered_by(self, number: int, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attribute of a trial that records one more request of a person."""
        return {STEERED: [*steered_of(self.trial(number)), dict(request)]}
