"""The runs of a comparison: what each found, what it spent, and its final values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any, NamedTuple

from segue.base.text import listed
from segue.plan.mode import Mode
from segue.record.local_run import LocalRun
from segue.record.study.trials import COMPLETE, TrialSummary
from segue.report.data.facts import facts
from segue.report.data.heldout import Comparison, read_held_out
from segue.report.data.limits import reached_limit
from segue.report.data.statistics import Estimate, iqm_interval
from segue.report.data.summary import Summary, read_summary

_SPACE = "space."
_SCALARS = (bool, int, float, str, type(None))


class BestSoFar(NamedTuple):
    """The best complete trial when a run had spent so many environment steps.

    The steps are those of all trials that had ended, stopped and failed ones too, over all seeds.
    """

    steps: int
    trial: int
    value: float
    worst_seed: float
    best_seed: float


@dataclass(frozen=True)
class ComparedRun:
    """A run of a comparison: its trials, best first, and its results on held-out seeds."""

    label: str
    """A short name that no other run of the comparison has."""
    summary: Summary
    trials: tuple[TrialSummary, ...]
    held_out: Comparison | None = None
    problem: str | None = None
    """Why results on held-out seeds were skipped; None where they were not."""

    @property
    def mode(self) -> Mode:
        """`max` or `min`."""
        return "min" if self.summary.mode == "min" else "max"

    @property
    def winner(self) -> TrialSummary | None:
        """The best complete trial, on held-out seeds if any were retrained; None without any."""
        complete = {trial.number: trial for trial in self.trials if trial.state == COMPLETE}
        unseen = self.held_out.configurations[0].trial if self.held_out else None
        return complete[unseen] if unseen in complete else next(iter(complete.values()), None)

    @property
    def search_seeds(self) -> tuple[float, ...]:
        """The winner's metric of each seed in the search, which chose it by these values."""
        if self.winner is None:
            return ()
        return tuple(self.winner.per_seed or [float(self.winner.metric or 0.0)])

    @property
    def held_out_seeds(self) -> tuple[float, ...]:
        """The winner's metric of each held-out seed; empty without `segue retrain`."""
        configurations = self.held_out.configurations if self.held_out else ()
        first = next(iter(configurations), None)
        is_winner = first is not None and self.winner and first.trial == self.winner.number
        return first.per_seed if first is not None and is_winner else ()

    @property
    def held_out_value(self) -> Estimate | None:
        """The winner's interquartile mean over held-out seeds; None without `segue retrain`."""
        return iqm_interval(self.held_out_seeds) if self.held_out_seeds else None

    @cached_property
    def best_so_far(self) -> list[BestSoFar]:
        """How the best value improved with the environment steps that were spent."""
        return list(_improvements(self.trials, 1.0 if self.mode == "max" else -1.0))

    @property
    def steps(self) -> int:
        """Environment steps of all trials and seeds so far."""
        return sum(_spent(trial) for trial in self.trials)

    def steps_to(self, value: float) -> int | None:
        """Return the steps spent when a trial had ended with this value; None if none has."""
        sign = 1.0 if self.mode == "max" else -1.0
        reached = (each.steps for each in self.best_so_far if sign * (each.value - value) >= 0)
        return next(reached, None)

    @property
    def is_finished(self) -> bool:
        """Whether all requested trials have ended, or a limit lets no further one start."""
        if reached_limit(self.summary):
            return True
        requested = self.summary.requested or 0
        ended = sum(trial.has_ended for trial in self.trials)
        return ended == len(self.trials) and ended >= requested

    @property
    def parameters(self) -> dict[str, Any]:
        """The winner's parameters, and the names that have one value in the whole run."""
        definition = self.summary.definition
        fixed = {
            name.removeprefix(_SPACE): entry
            for name, entry in definition.sweep.items()
            if name.startswith(_SPACE) and isinstance(entry, _SCALARS)
        }
        return {**fixed, **definition.pinned, **(self.winner.trained_with if self.winner else {})}


def read_runs(runs: Sequence[LocalRun]) -> list[ComparedRun]:
    """Read the runs of a comparison.

    Raise ValueError for fewer than two runs, for a run that is given twice, for runs that optimize
    different metrics, and for what `read_summary` cannot read.
    """
    if len(runs) < 2:
        raise ValueError("A comparison takes two or more runs: give their directories or URLs.")
    places = [run.shown if run.store else str(run.path.resolve()) for run in runs]
    for index, place in enumerate(places):
        if place in places[:index]:
            raise ValueError(f"{runs[index].shown} is given twice: give each run once.")
    summaries = [read_summary(run.path) for run in runs]
    _check_objective(summaries)
    found = []
    for summary, label in zip(summaries, labels(places), strict=True):
        held_out, problem = read_held_out(summary.run)
        found.append(ComparedRun(label, summary, tuple(facts(summary)), held_out, problem))
    return found


def labels(paths: Sequence[str]) -> list[str]:
    """Return the shortest ends of different paths that distinguish them.

    >>> labels(["/a/runs/asha", "/b/runs/asha", "/a/runs/pbt"])
    ['a/runs/asha', 'b/runs/asha', 'pbt']
    """
    parts = [PurePath(path).parts for path in paths]
    found = []
    for own in parts:
        length = 1
        while length < len(own) and sum(each[-length:] == own[-length:] for each in parts) > 1:
            length += 1
        found.append("/".join(own[-length:]).replace("//", "/"))
    return found


def _check_objective(summaries: Sequence[Summary]) -> None:
    by_objective: dict[str, list[str]] = {}
    for summary in summaries:
        by_objective.setdefault(f"{summary.metric} ({summary.mode})", []).append(str(summary.run))
    if len(by_objective) > 1:
        found = [f"{listed(runs)} by {objective}" for objective, runs in by_objective.items()]
        raise ValueError(
            f"The runs optimize different metrics ({'; '.join(found)}): compare runs of one metric."
        )


def _improvements(trials: Sequence[TrialSummary], sign: float) -> Iterator[BestSoFar]:
    ended = [trial for trial in trials if trial.ended is not None]
    best: float | None = None
    steps = 0
    for trial in sorted(ended, key=lambda each: (each.ended_seconds, each.number)):
        steps += _spent(trial)
        if trial.state != COMPLETE or trial.metric is None or not trial.is_allowed:
            continue
        if best is None or sign * (trial.metric - best) > 0:
            best = trial.metric
            seeds = sorted(trial.per_seed or [best], key=lambda value: sign * value)
            yield BestSoFar(steps, trial.number, best, seeds[0], seeds[-1])


def _spent(trial: TrialSummary) -> int:
    return 0 if trial.copy_of is not None else trial.trained_env_steps
