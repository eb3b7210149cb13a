"""Checks of a sweep's trainer: a function or class of the user's own, in place of a pipeline."""

from collections.abc import Iterable, Mapping
from inspect import signature
from types import FunctionType
from typing import Any

from segue.plan.pipelines.text import short_text
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.functions import check_required
from segue.plan.sweeps.setup import check_names, setup_at
from segue.plan.sweeps.stages import (
    StagePlan,
    trainer_plan,
    trainer_plan_at,
)

_AUTO = "auto"
_OF_PIPELINES = ("policy", "lanes")
"""Fields that a trainer of the sweep's own has no use for."""


def check_trainer(sweep: Any) -> None:
    """Check that a sweep has either a pipeline or a trainer of its own, with what each needs."""
    if sweep.trainer is None:
        _check_pipeline(sweep)
        return
    if sweep.pipeline is not None:
        raise ValueError(
            "The sweep has a pipeline and a trainer of its own: leave one of them out."
        )
    _check_callable(sweep.trainer)
    if sweep.steps is None:
        raise ValueError(
            "A sweep with a trainer of its own needs steps: the environment steps of one seed, such"
            " as steps=100_000, or of each stage, such as steps=(40_000, 60_000)."
        )
    if not callable(sweep.steps):
        trainer_plan(sweep.steps)
    for name in _OF_PIPELINES:
        if getattr(sweep, name) != getattr(type(sweep), name):  # its default
            raise ValueError(
                f"{name} belongs to the training of a pipeline: leave it out, and let the trainer"
                " make its networks and environments."
            )
    for name in ("world", "evaluation"):
        if isinstance(getattr(sweep, name), FunctionType):
            raise ValueError(
                f"{name} of a sweep with a trainer of its own must be a value, got a function:"
                " call it in the trainer, which has trial.parameters."
            )
    if not isinstance(sweep.evaluation, Evaluation | None):
        raise TypeError(f"evaluation must be an Evaluation, got {sweep.evaluation!r}.")
    if isinstance(sweep.resources, Mapping) and sweep.resources.get("gpu") == _AUTO:
        raise ValueError(
            "The gpu share 'auto' measures the training of a pipeline: give the share that the"
            " trainer needs, such as 0.25."
        )


def plan_at(sweep: Any, point: Mapping[str, Any]) -> StagePlan:
    """Return the stages of the trial of a point, of its pipeline or of the sweep's trainer."""
    if sweep.trainer is None:
        return setup_at(sweep, point).pipeline
    return trainer_plan_at(sweep.steps, point)


def check_names_of(sweep: Any, names: Iterable[str], at: str = "") -> None:
    """Check that the sweep's functions take names of the space only, and a pipeline's take all.

    A trainer of the sweep's own has all of them in `trial.parameters`.
    """
    known = list(names)
    if sweep.trainer is None:
        check_names(sweep, known, at)
        return
    if callable(sweep.steps):
        check_required("steps", sweep.steps, known, at)


def _check_pipeline(sweep: Any) -> None:
    if sweep.pipeline is None:
        raise ValueError(
            "A sweep needs pipeline, a function that returns a TrainingPipeline, or a trainer of"
            " its own."
        )
    if not callable(sweep.pipeline):
        raise TypeError(
            f"pipeline must be a function that returns a TrainingPipeline, got {sweep.pipeline!r}."
        )
    if sweep.steps is not None:
        raise ValueError(
            "steps belongs to a trainer of the sweep's own: the stages of a pipeline have"
            " max_stage_steps."
        )
    for name, example in (("world", '"CartPole-v1"'), ("evaluation", "Evaluation(every=10_000)")):
        if getattr(sweep, name) is None:
            raise ValueError(f"A sweep with a pipeline needs {name}, such as {name}={example}.")


def _check_callable(trainer: object) -> None:
    if not callable(trainer):
        raise TypeError(
            "trainer must be a function of a trial, or a class that is made with a trial and has a"
            f" method train, got {trainer!r}."
        )
    if isinstance(trainer, type) and not callable(getattr(trainer, "train", None)):
        raise TypeError(
            f"The trainer class {short_text(trainer)} has no method train, which is called without"
            " arguments: add it."
        )
    try:
        signature(trainer).bind(None)
    except TypeError as error:
        raise TypeError(
            f"The trainer {short_text(trainer)} is called with the trial alone ({error}): read"
            " parameters from trial.parameters."
        ) from error
    except ValueError:  # no signature is known, as of some callables of C
        pass
