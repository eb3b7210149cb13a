"""What decides on the trials of an open sweep: its search and its scheduler."""

from collections.abc import Callable
from dataclasses import dataclass

from segue.plan.sweeps.sweep import Sweep
from segue.tune.open_sweep import OpenSweep
from segue.tune.run.prefixes import PrefixStore
from segue.tune.schedulers.choice import changes_trials, make_scheduler
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.searcher.copies import Copies
from segue.tune.searcher.forks import Forks, forks_of
from segue.tune.searcher.freeze_thaw import freeze_thaw_of
from segue.tune.searcher.searcher import StudySearcher
from segue.tune.sharing import shares_stages
from segue.tune.verdicts import Verdicts


@dataclass(frozen=True)
class Deciders:
    """Which trial trains next, and whether it continues after a report."""

    searcher: StudySearcher
    scheduler: StudyScheduler


def deciders_of(
    opened: OpenSweep,
    sweep: Sweep,
    verdicts: Verdicts,
    *,
    on_end: Callable[[int], None],
    on_copy: Callable[[int, int], None],
    is_solo: bool,
) -> Deciders:
    """Return what decides on the trials of a sweep.

    Arguments:
        opened: The sweep with its study.
        sweep: The same sweep with the resources that a trial has here.
        verdicts: What ends the run, which both may write.
        on_end: Called with the number of a paused trial that ends since the sweep does.
        on_copy: Called with the numbers of a trial that is not trained and of its original.
        is_solo: Whether a worker trains one trial at a time, by a function of the user's own.
    """
    record = opened.record
    freeze_thaw = freeze_thaw_of(opened.search, opened.sweep, record, opened.budget, on_end)
    searcher = StudySearcher(
        record,
        sweep,
        opened.budget,
        verdicts,
        Copies(record, opened.changed_at, on_copy, is_on=not changes_trials(sweep)),
        freeze_thaw,
        search=opened.search,
        steering=opened.steering,
        forks=_forks_of(opened, is_solo),
    )
    scheduler = StudyScheduler(
        make_scheduler(sweep, opened.corners),
        sweep,
        opened.corners,
        record,
        opened.directory,
        verdicts,
        opened.budget,
        freeze_thaw,
        opened.steering,
    )
    scheduler.set_search_properties(sweep.metric, sweep.mode)
    return Deciders(searcher, scheduler)


def _forks_of(opened: OpenSweep, is_solo: bool) -> Forks:
    """Return which trials begin with the first stages of others."""
    has_stages = any(len(plan) > 1 for plan in opened.corners.plans)
    return forks_of(
        opened.sweep,
        opened.record,
        PrefixStore(opened.directory),
        is_on=not is_solo and has_stages and shares_stages(opened.sweep, opened.search),
    )
