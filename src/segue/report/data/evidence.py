"""All data of a report, read once from a run directory that may be damaged."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from segue.record.files.results import read_results
from segue.record.local_run import is_running
from segue.record.row import Row
from segue.record.study.trials import TrialSummary
from segue.report.data.definitions import Change, changes
from segue.report.data.facts import facts
from segue.report.data.heldout import Comparison, read_held_out
from segue.report.data.summary import Summary
from segue.report.data.training_log import TrainingLog, read_training_log


@dataclass(frozen=True)
class Evidence:
    """Trials, best first, and reports by trial number.

    `damaged` counts the records that were skipped.
    """

    summary: Summary
    trials: list[TrialSummary]
    curves: dict[int, list[Row]]
    damaged: int
    held_out: Comparison | None = None
    problem: str | None = None
    """Why the comparison on held-out seeds was skipped; None where it was not."""

    @classmethod
    def of(cls, summary: Summary) -> "Evidence":
        """Read every trial's results."""
        trials = facts(summary)
        curves = {}
        damaged = 0
        for trial in trials:
            found = read_results(summary.layout.trial(trial.number).results, summary.metric)
            curves[trial.number] = found.rows
            damaged += found.damaged
        held_out, problem = read_held_out(summary.run)
        return cls(summary, trials, curves, damaged, held_out, problem)

    @cached_property
    def running(self) -> bool:
        """Whether a driver holds the run directory."""
        return is_running(self.summary.run)

    @property
    def sign(self) -> float:
        """1 where a higher metric is better, else -1."""
        return 1.0 if self.summary.mode == "max" else -1.0

    @cached_property
    def complete(self) -> list[TrialSummary]:
        """The trials that ran to their end, best first, without copies of others."""
        complete = (trial for trial in self.trials if trial.state == "complete")
        return [trial for trial in complete if trial.metric is not None and trial.copy_of is None]

    @cached_property
    def winner(self) -> TrialSummary | None:
        """The best trial on held-out seeds if any were retrained, else the best of the search.

        The best of the search may be a stopped trial.
        """
        known = {trial.number: trial for trial in self.ranked}
        unseen = self.held_out.configurations[0].trial if self.held_out else None
        return known[unseen] if unseen in known else next(iter(self.ranked), None)

    @cached_property
    def ranked(self) -> list[TrialSummary]:
        """The complete trials, then the stopped ones that have a value."""
        stopped = [
            trial for trial in self.trials if trial.state == "pruned" and trial.metric is not None
        ]
        return self.complete + stopped

    @property
    def range(self) -> float:
        """The distance from the median trial to the best, the scale of what matters."""
        values = [trial.metric for trial in self.ranked if trial.metric is not None]
        return abs(values[0] - median(values)) if values else 0.0

    @cached_property
    def tied(self) -> list[TrialSummary]:
        """The trials that share the best value, on held-out seeds if any were retrained.

        Empty if one trial alone is best.
        """
        known = {trial.number: trial for trial in self.ranked}
        if self.held_out and self.held_out.configurations[0].trial in known:
            tied = [known[each.trial] for each in self.held_out.tied if each.trial in known]
        else:
            tied = self.tied_in_search
        return tied if len(tied) > 1 else []

    @cached_property
    def tied_in_search(self) -> list[TrialSummary]:
        """The complete trials that have the best value of the search; empty if only one has."""
        tied = [trial for trial in self.complete if trial.metric == self.complete[0].metric]
        return tied if len(tied) > 1 else []

    @cached_property
    def has_stages(self) -> bool:
        """Whether the pipeline of any trial has more than one stage."""
        return any((trial.stages or 1) > 1 for trial in self.trials)

    @cached_property
    def changes(self) -> list[Change]:
        """The changes of the sweep's definition while the run was made."""
        return changes(self.summary.definition)

    @cached_property
    def steps_by_stage(self) -> dict[int, list[int]]:
        """Environment steps of all members that each trial took in each of its stages so far."""
        return {trial.number: _steps_by_stage(trial) for trial in self.trials}

    @cached_property
    def logs(self) -> dict[int, TrainingLog]:
        """What the training log of each trial has of its time and its losses."""
        return {
            trial.number: read_training_log(self.summary.layout.trial(trial.number).metrics)
            for trial in self.trials
        }

    @cached_property
    def seconds_by_stage(self) -> dict[int, Mapping[int, float]]:
        """Seconds that each trial trained in each stage, from the speeds in its log.

        Stages that a trial has adopted from another one are left out.
        """
        trained = {trial.number: _adopted_stages(trial) for trial in self.trials}
        return {
            number: {
                stage: seconds for stage, seconds in log.seconds.items() if stage >= trained[number]
            }
            for number, log in self.logs.items()
        }


def _steps_by_stage(trial: TrialSummary) -> list[int]:
    if not trial.env_steps:
        return []
    members = trial.total_env_steps / trial.env_steps
    ends = [end for end in trial.stages_ended_at if end < trial.env_steps] + [trial.env_steps]
    first = trial.adopted_env_steps / members
    own = [max(end, first) for end in ends]
    return [round((end - begin) * members) for begin, end in zip([first, *own], own, strict=False)]


def _adopted_stages(trial: TrialSummary) -> int:
    """Return how many of its first stages a trial has adopted from another one."""
    if not trial.adopted_env_steps:
        return 0
    adopted = trial.adopted_env_steps * trial.env_steps / trial.total_env_steps
    return sum(end <= adopted for end in trial.stages_ended_at)
