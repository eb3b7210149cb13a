"""Schedulers in words, with the numbers that they would use for a sweep."""

from collections.abc import Iterator
from inspect import signature

from ray.tune.schedulers import TrialScheduler

from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.tune.schedulers.criterion import CriterionScheduler
from segue.tune.schedulers.named import BRACKETS, REDUCTION_FACTOR, first_point
from segue.tune.search.auto import FREEZE_THAW, LEAST_TRIALS

_PLAIN = (bool, int, float, str)


def explained(sweep: Sweep, corners: Corners, search: str | None = None) -> str:
    """Return the name of a sweep's scheduler, and when it does what, or its arguments.

    `search` is the name of the search, which may pause trials; by default the sweep's.
    """
    scheduler = sweep.scheduler
    if (search or sweep.search) == FREEZE_THAW and sweep.requested_trials >= LEAST_TRIALS:
        return f"{FREEZE_THAW}: trials are paused at reports, and the most promising resumes"
    if scheduler is None:
        return "none: every trial runs to its end"
    if not isinstance(scheduler, str):
        return _with_arguments(scheduler)
    steps = corners.longest_stage if scheduler == "stage_asha" else corners.longest_pipeline
    first = f"{first_point(corners, steps):,}"
    best = f"the best 1 of {REDUCTION_FACTOR} trials continues"
    again = f"and each time that its steps are {REDUCTION_FACTOR} times as many"
    explanations = {
        "asha": f"{best} at {first} steps, {again}",
        "stage_asha": f"{best} at {first} steps of a stage, {again}, and at the stage's end",
        "hyperband": f"{best} at {first} steps, {again}; of up to {BRACKETS} brackets, later ones"
        " start later",
        "median": f"trials below the median of the others' means stop, from {first} steps",
        "pbt": f"the worst trials resume from checkpoints of the best, every {first} steps",
    }
    return f"{scheduler}: {explanations[scheduler]}"


def _with_arguments(scheduler: TrialScheduler) -> str:
    """Return a scheduler as the call that makes it, with the arguments that it still knows."""
    arguments = ", ".join(f"{name}={value}" for name, value in _arguments(scheduler))
    return f"{type(scheduler).__name__}({arguments})"


def _arguments(scheduler: TrialScheduler) -> Iterator[tuple[str, object]]:
    if isinstance(scheduler, CriterionScheduler):
        yield "inner", _with_arguments(scheduler.inner)
    for name in signature(type(scheduler)).parameters:
        value = getattr(scheduler, name, getattr(scheduler, f"_{name}", None))
        if isinstance(value, _PLAIN):
            yield name, f"{value:g}" if isinstance(value, float) else value
