"""Whether planned trials of a sweep share first stages, and what that saves."""

from segue.base.text import plural
from segue.plan.sweeps.prefixes import Prefix, prefixes_of
from segue.plan.sweeps.sweep import Sweep
from segue.tune.schedulers.choice import changes_trials
from segue.tune.search.auto import FREEZE_THAW


def shares_stages(sweep: Sweep, search: str) -> bool:
    """Return whether first stages that planned trials have in common are trained once.

    They are not where the sweep says so, with a trainer of the user's own, where the search decides
    which trials train, and where parameters change while trials train.
    """
    decides = search == FREEZE_THAW or changes_trials(sweep)
    return sweep.share_prefixes and sweep.trainer is None and not decides


def explained_sharing(sweep: Sweep, search: str) -> str:
    """Return what sharing saves in a sweep that begins, in words; an empty text for nothing."""
    if callable(sweep.space) or not shares_stages(sweep, search):
        return ""
    seen: set[Prefix] = set()
    forks = saved = 0
    planned = sweep.planned()[: sweep.requested_trials]
    for setup in map(sweep.at, planned):
        prefixes = prefixes_of(setup, range(sweep.seeds), sweep.code)
        known = [prefix for prefix in prefixes if prefix in seen]
        if known:
            forks += 1
            saved += sweep.seeds * setup.pipeline.trained_steps(setup.lanes, known[-1].stages)
        seen.update(prefixes)
    if not forks:
        return ""
    return (
        f"{forks} of {plural(len(planned), 'planned trial')} begin with what another one trains,"
        f" which saves {saved:,} steps"
    )
