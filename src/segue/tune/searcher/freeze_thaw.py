"""Freeze-thaw search over a study: what the scheduler and the searcher of a sweep ask."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from segue.plan.mode import sign_of
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import trial_name
from segue.record.row import ENV_STEPS, TOTAL_ENV_STEPS, Row
from segue.record.study.attributes import (
    DIRECTORY,
    PAUSES,
    PREDICTED_END,
    STOPPED_BY,
    of_last_report,
)
from segue.record.study.ranking import best_complete
from segue.tune.search.auto import FREEZE_THAW, LEAST_TRIALS
from segue.tune.search.freeze_thaw.choice import PROPOSALS, Choice, choose
from segue.tune.search.freeze_thaw.curve import Proposal, Status
from segue.tune.search.freeze_thaw.ends import predicted_ends
from segue.tune.search.freeze_thaw.points import at_quantile
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.curves import NewReport, StudyCurves
from segue.tune.study.record import StudyRecord
from segue.worlds.seeds import stream


@dataclass(frozen=True)
class _Planned(Proposal):
    """A point that the study holds as WAITING."""

    number: int


@dataclass(frozen=True)
class _Decision:
    """What a free worker trains next, if anything, and between how many trials that was decided."""

    chosen: Choice | None
    proposals: Sequence[Proposal]
    paused: int
    new: int


class FreezeThaw:
    """Decides at each report whether a trial is paused, and what is trained in its place.

    Decisions are functions of the study: a sweep that is resumed decides what an uninterrupted one
    would have decided. `on_end` is called with each trial that ends without having been resumed.
    """

    def __init__(
        self,
        sweep: Sweep,
        record: StudyRecord,
        budget: Budget,
        on_end: Callable[[int], None] = lambda number: None,
    ) -> None:
        self._sweep = sweep
        self._record = record
        self._budget = budget
        self._on_end = on_end
        self._curves = StudyCurves(sweep, record)

    def is_paused(self, number: int, row: Row) -> bool:
        """Decide on a report of a running trial; record the pause and return True if it pauses."""
        value = row[self._sweep.metric]
        self._budget.advance(number, row.get(TOTAL_ENV_STEPS, 0))
        report = (number, row[ENV_STEPS], value)
        instead = self._number_of(self._decide(report))
        if instead == number:
            return False
        end = self._predicted(report)[number]
        pause = {"at": row[ENV_STEPS], "spent": self._spent, "instead": instead, **end}
        attributes = of_last_report(row, self._sweep.metric) | {
            DIRECTORY: trial_name(number),
            PREDICTED_END: end,
            PAUSES: [*self._pauses(number), pause],
        }
        self._record.pause(number, row[ENV_STEPS], value, attributes)
        return True

    def next(self) -> int | None:
        """Return the trial that a free worker trains, which is then recorded as running.

        None if no trial fits into what the running trials leave of the budget.
        """
        if self._budget.reached_by(self._record) is not None:
            return None
        decision = self._decide()
        chosen = decision.chosen
        if chosen is None:
            return None
        if chosen.number is not None:
            self._resume(chosen.number, chosen.is_check, decision)
            return chosen.number
        assert chosen.proposal is not None
        proposal = decision.proposals[chosen.proposal]
        if isinstance(proposal, _Planned):
            self._record.begin(proposal.number)
            return proposal.number
        return self._record.begin_at(proposal.parameters, proposal.distributions)

    def end(self) -> None:
        """Record the trials that are still paused as stopped: nothing of the budget is left."""
        trials = self._record.trials
        paused = [trial for trial in trials if self._record.is_paused(trial.number)]
        if not paused:
            return
        predicted = self._predicted()
        best = best_complete(trials, self._sweep.mode)
        winner = f"the winner's {best.values[0]:.4g}" if best else "no trial ran to its end"
        for trial in paused:
            step = trial.last_step or 0
            end = predicted[trial.number]
            reason = (
                f"{FREEZE_THAW}: paused at {step:,} steps; its predicted end was"
                f" {end['value']:.4g}, {winner}"
            )
            attributes = {PREDICTED_END: end, STOPPED_BY: reason}
            self._record.stop(trial.number, step, trial.intermediate_values[step], attributes)
            self._on_end(trial.number)

    def _decide(self, last: NewReport | None = None) -> _Decision:
        curves = self._curves.curves(last)
        proposals = self._proposals(sum(1 + len(curve.steps) for curve in curves))
        number = last[0] if last else None
        room = self._budget.room(self._record, without=number)
        longest = self._budget.full_run
        seeds = self._sweep.seeds
        chosen = choose(curves, proposals, room / seeds, longest / seeds, number)
        paused = sum(curve.status == Status.PAUSED for curve in curves)
        return _Decision(chosen, proposals, paused, len(proposals) if room >= longest else 0)

    def _number_of(self, decision: _Decision) -> int | None:
        """Return the number of the trial that was chosen, which one that begins will have."""
        chosen = decision.chosen
        if chosen is None or chosen.proposal is None:
            return None if chosen is None else chosen.number
        proposal = decision.proposals[chosen.proposal]
        if isinstance(proposal, _Planned):
            return proposal.number
        return self._record.adopted + len(self._record)

    def _resume(self, number: int, is_check: bool, decision: _Decision) -> None:
        *before, last = self._pauses(number)
        resumed = {
            "spent": self._spent,
            "of": decision.paused,
            "new": decision.new,
            "check": is_check,
        }
        self._record.resume(number, {PAUSES: [*before, {**last, "resumed": resumed}]})

    def _pauses(self, number: int) -> list[dict[str, Any]]:
        return list(self._record.trial(number).user_attrs.get(PAUSES, []))

    @property
    def _spent(self) -> int:
        return self._budget.spent(self._record)

    def _predicted(self, last: NewReport | None = None) -> Mapping[int, dict[str, float]]:
        """Return the predicted end of each trial that has reported, with its interval."""
        curves = [curve for curve in self._curves.curves(last) if curve.steps]
        ends = predicted_ends(curves)
        values = sign_of(self._sweep.mode) * ends.values
        half = ends.half_widths
        found = zip(
            values.tolist(), (values - half).tolist(), (values + half).tolist(), strict=True
        )
        return {
            curve.number: {"value": value, "low": low, "high": high}
            for curve, (value, low, high) in zip(curves, found, strict=True)
        }

    def _proposals(self, moment: int) -> list[Proposal]:
        """Return new points in random order: planned ones, or else drawn ones.

        Points of the user's own come first, one at a time. `moment` is the number of events in the
        study: with the sweep's seed, it determines what is drawn.
        """
        last = self._budget.trials + self._record.adopted
        added = set(self._record.added)  # the searcher begins them
        known = self._record.numbers(TrialState.WAITING)
        waiting = [n for n in known if n < last and n not in added]
        draw = np.random.default_rng(stream(self._sweep.seed, FREEZE_THAW, moment))
        if waiting and waiting[0] < self._record.adopted + len(self._sweep.points):
            return [self._planned(waiting[0])]
        if waiting:
            chosen = draw.permutation(waiting)[:PROPOSALS]
            return [self._planned(int(number)) for number in chosen]
        if self._record.own >= self._budget.trials:
            return []
        return self._drawn(draw)

    def _planned(self, number: int) -> _Planned:
        trial = self._record.trial(number)
        return _Planned(trial.params, trial.distributions, number)

    def _drawn(self, draw: np.random.Generator) -> list[Proposal]:
        """Return random points that differ from each other and from all trials."""
        known = {_key(trial.params) for trial in self._record.trials}
        found = []

        def value(name: str, distribution: BaseDistribution) -> Any:
            return at_quantile(distribution, draw.random())

        for _ in range(PROPOSALS):
            parameters, distributions = self._record.draw(value)
            if _key(parameters) not in known:
                known.add(_key(parameters))
                found.append(Proposal(parameters, distributions))
        return found


def _key(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)


def freeze_thaw_of(
    search: str,
    sweep: Sweep,
    record: StudyRecord,
    budget: Budget,
    on_end: Callable[[int], None] = lambda number: None,
) -> FreezeThaw | None:
    """Return what decides in a sweep with this search, None if it pauses no trials."""
    if search != FREEZE_THAW or budget.trials < LEAST_TRIALS:
        return None
    return FreezeThaw(sweep, record, budget, on_end)
