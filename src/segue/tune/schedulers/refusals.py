"""Schedulers that a sweep cannot use, each refused with the reason and the fix."""

from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import (
    HyperBandScheduler,
    PopulationBasedTraining,
    PopulationBasedTrainingReplay,
    ResourceChangingScheduler,
)

from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep

_REFUSED: Mapping[type, str] = {
    HyperBandScheduler: (
        "pauses trials until their bracket is complete, and hangs where workers are reused: use "
        "'hyperband', which waits for no trial."
    ),
    PopulationBasedTraining: (
        "changes parameters of stages that a trial has completed, and does not record this in the "
        "study: use 'pbt', which supports stages."
    ),
    PopulationBasedTrainingReplay: (
        "replays a schedule that no study recorded: use the lineage of a trial under 'pbt'."
    ),
    ResourceChangingScheduler: (
        "cannot work with workers that are reused: give each trial its resources in the sweep."
    ),
}


def check_scheduler(scheduler: Any, time: str, longest: int, sweep: Sweep) -> None:
    """Raise ValueError for a scheduler of Ray that cannot work with a sweep.

    It has to count the entry `time` of reports, to let trials run for `longest` of it, to decide
    the same when the sweep is resumed, and to take the sweep's metric and mode.
    """
    name = type(scheduler).__name__
    for kind, reason in _REFUSED.items():
        if isinstance(scheduler, kind):
            raise ValueError(f"The scheduler {name} {reason}")
    if getattr(scheduler, "_time_attr", time) != time:
        raise ValueError(
            f"The scheduler {name} counts {scheduler._time_attr!r}: give it time_attr={time!r}."
        )
    if getattr(scheduler, "_max_t", longest) < longest:
        raise ValueError(
            f"The scheduler {name} ends trials after {scheduler._max_t:,} steps, but trials of"
            f" this sweep take {longest:,}: give it max_t={longest}."
        )
    _check_brackets(scheduler, name)
    _check_metric(scheduler, name, sweep)


def check_population(sweep: Sweep, corners: Corners) -> None:
    """Raise ValueError for a sweep that population-based training cannot run."""
    if sweep.trainer is not None:
        raise ValueError(
            "Population-based training changes the pipeline of a running trial, which a trainer of"
            " the sweep's own does not have: use 'asha' or 'stage_asha'."
        )
    if callable(sweep.space):
        raise ValueError(
            "Population-based training changes parameters by their domains: make the space a"
            " dictionary."
        )
    if sweep.search not in ("tpe", "random", "qmc", "auto") and sweep.grid() is None:
        raise ValueError(
            f"The search {sweep.search!r} would learn from trials whose parameters change: use"
            " 'random'."
        )
    for setup in corners.setups:
        pipeline = setup.pipeline
        every = setup.evaluation.every
        saves = [pipeline.settings(stage).save_interval for stage in range(len(pipeline))]
        if any(interval is None or not 0 < interval <= every for interval in saves):
            raise ValueError(
                "Population-based training resumes from checkpoints, but a stage has"
                f" save_interval={saves}: make it at most {every}, the steps between evaluations."
            )


def _check_brackets(scheduler: object, name: str) -> None:
    brackets = len(getattr(scheduler, "_brackets", ()))
    if brackets > 1:
        raise ValueError(
            f"The scheduler {name} draws one of {brackets} brackets for each trial, and would draw"
            " others when the sweep is resumed: give it brackets=1."
        )


def _check_metric(scheduler: object, name: str, sweep: Sweep) -> None:
    for kind in ("metric", "mode"):
        if getattr(scheduler, f"_{kind}", None) not in (None, getattr(sweep, kind)):
            raise ValueError(
                f"The scheduler {name} has a {kind} of its own: leave it out, the sweep's is used."
            )
