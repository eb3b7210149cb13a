"""Which search a sweep with search="auto" uses, and why."""

from dataclasses import dataclass

from ray.tune.search.sample import Categorical

from segue.base.text import plural
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep

AUTO = "auto"
FREEZE_THAW = "freeze_thaw"
LEAST_TRIALS = 10
"""With fewer trials a model has nothing to learn from: freeze-thaw search then pauses none."""


@dataclass(frozen=True)
class ChosenSearch:
    """The name of a search, and why it is used; the reason is empty if the sweep names it."""

    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name} (auto: {self.reason})" if self.reason else self.name


def chosen_search(sweep: Sweep, corners: Corners) -> ChosenSearch:
    """Return the search of a sweep; "auto" is decided by its space, budget and scheduler."""
    if sweep.search != AUTO:
        return ChosenSearch(sweep.search)
    trials = sweep.requested_trials
    if sweep.objectives:
        return ChosenSearch("nsga2", f"it has {1 + len(sweep.objectives)} objectives")
    if not is_population(sweep) and _divides_steps(sweep, corners):
        limit = f"{sweep.max_env_steps:,} steps do not suffice for {plural(trials, 'whole trial')}"
        return ChosenSearch(FREEZE_THAW, limit)
    if sweep.grid() is not None and trials <= len(sweep.planned()):
        return ChosenSearch("random", "every point is planned")
    if is_population(sweep):
        return ChosenSearch("random", "parameters change while trials train")
    if trials < LEAST_TRIALS:
        name = "qmc" if _is_of_numbers(sweep) else "random"
        return ChosenSearch(name, f"{plural(trials, 'trial')} are too few for a model")
    return ChosenSearch("tpe", f"{plural(trials, 'trial')} and one objective")


def may_pause(sweep: Sweep) -> bool:
    """Return whether the sweep may use a search that pauses trials."""
    return sweep.search in (AUTO, FREEZE_THAW) and sweep.max_env_steps is not None


def is_population(sweep: Sweep) -> bool:
    """Return whether the scheduler is population-based training."""
    return sweep.scheduler == "pbt" or type(sweep.scheduler).__name__ == "StagedPBT"


def _divides_steps(sweep: Sweep, corners: Corners) -> bool:
    """Return whether the sweep has a limit of steps that all trials together would exceed."""
    full = corners.longest_training * sweep.seeds
    limit = sweep.max_env_steps
    trials = sweep.requested_trials
    return (
        sweep.scheduler is None
        and limit is not None
        and trials >= LEAST_TRIALS
        and limit < trials * full
    )


def _is_of_numbers(sweep: Sweep) -> bool:
    """Return whether the space is a dictionary with a range of numbers."""
    return not callable(sweep.space) and any(
        hasattr(entry, "sample") and not isinstance(entry, Categorical)
        for entry in sweep.space.values()
    )
