"""Sweeps with a trainer of their own: what they need, their stages, and their definition."""

from functools import partial
from typing import Any

import pytest
from ray import tune

from segue.plan.criteria.metrics import Reached
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.points.corners import Corners, trained_steps_at
from segue.plan.sweeps.stages import TrainerPlan, TrainerStage
from segue.plan.sweeps.sweep import Sweep
from tests.tune.support.doubles import make_sweep, pipeline

SPACE = {"lr": tune.loguniform(1e-4, 1e-2), "first": tune.choice([40, 60])}


def train(trial: Any) -> None:
    """Do nothing."""


def train_with_lr(trial: Any, lr: float) -> None:
    """Do nothing."""


class Training:
    def __init__(self, trial: Any) -> None:
        """Do nothing."""

    def train(self) -> None:
        """Do nothing."""


class Untrained:
    def __init__(self, trial: Any) -> None:
        """Do nothing."""


def own(**given: Any) -> Sweep:
    return Sweep(**({"trainer": train, "steps": 100, "space": SPACE, "trials": 3} | given))


def lengths(sweep: Sweep, **point: Any) -> list[int]:
    return [stage.step_limit for stage in sweep.plan_at({"lr": 1e-3, "first": 40} | point)]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (100, [100]),
        ((30, 70), [30, 70]),
        ([TrainerStage(30, Reached("return", 1.0)), 70], [30, 70]),
        (lambda first: (first, 100 - first), [60, 40]),
        (lambda: 100, [100]),
    ],
)
def test_the_steps_are_those_of_one_stage_of_several_or_of_a_function(
    steps: Any, expected: list[int]
) -> None:
    assert lengths(own(steps=steps), first=60) == expected


def test_the_longest_stages_are_found_at_the_corners() -> None:
    sweep = own(steps=lambda first: (first, 2 * first))
    corners = Corners.of(sweep)
    assert (corners.longest_pipeline, corners.longest_training, corners.longest_stage) == (
        180,
        180,
        120,
    )
    assert corners.longest_form(0) == 60 and corners.longest_interval == 1
    assert trained_steps_at(sweep, {"lr": 1e-3, "first": 40}) == 120
    given = Corners.of(own(evaluation=Evaluation(every=25), world="CartPole-v1"))
    assert given.longest_interval == 25


def test_stages_are_described_for_people() -> None:
    plan = own(steps=(TrainerStage(30, Reached("return", 1.0)), 70)).plan_at(
        {"lr": 1e-3, "first": 40}
    )
    assert isinstance(plan, TrainerPlan)
    assert plan.to_text("train").splitlines() == [
        "2 stages, 100 steps, trained by train",
        "stage 1 of 2: 30 steps, stops early: Reached(metric='return', value=1.0, mode='max')",
        "stage 2 of 2: 70 steps",
    ]


def test_the_definition_has_the_trainer_and_what_it_is_given() -> None:
    described: dict[str, Any] = own(trainer=Training, seeds=2).describe()
    assert described["trainer"]["class"].endswith("Training")
    assert described["steps"] == 100
    assert not {"pipeline", "world", "evaluation"} & described.keys()
    assert not {"trainer", "steps"} & make_sweep().describe().keys()
    assert own().fingerprint != own(steps=(50, 50)).fingerprint
    assert own().fingerprint == own().fingerprint


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"pipeline": pipeline},
            "The sweep has a pipeline and a trainer of its own: leave one of them out.",
        ),
        (
            {"trainer": "ppo"},
            "trainer must be a function of a trial, or a class that is made with a trial and has a"
            " method train, got 'ppo'.",
        ),
        (
            {"trainer": Untrained},
            "The trainer class Untrained has no method train, which is called without arguments:"
            " add it.",
        ),
        (
            {"trainer": train_with_lr},
            "The trainer train_with_lr is called with the trial alone (missing a required argument:"
            " 'lr'): read parameters from trial.parameters.",
        ),
        (
            {"steps": None},
            "A sweep with a trainer of its own needs steps: the environment steps of one seed, such"
            " as steps=100_000, or of each stage, such as steps=(40_000, 60_000).",
        ),
        ({"steps": 0}, "steps must be at least 1, got 0."),
        ({"steps": ()}, "steps has no stages: give the environment steps of at least one."),
        ({"steps": "100"}, "steps must be a whole number, got '100'."),
        (
            {"steps": lambda fist: fist},
            "The steps function takes 'fist', which the space lacks: did you mean 'first'?",
        ),
        (
            {"steps": lambda first: first - 40},
            "The steps function fails at {'lr': 0.0001, 'first': 40}: steps must be at least 1, got"
            " 0.",
        ),
        (
            {"policy": "mlp"},
            "policy belongs to the training of a pipeline: leave it out, and let the trainer make"
            " its networks and environments.",
        ),
        (
            {"lanes": 16},
            "lanes belongs to the training of a pipeline: leave it out, and let the trainer make"
            " its networks and environments.",
        ),
        (
            {"world": lambda first: f"CartPole-v{first}"},
            "world of a sweep with a trainer of its own must be a value, got a function: call it in"
            " the trainer, which has trial.parameters.",
        ),
        ({"evaluation": 100}, "evaluation must be an Evaluation, got 100."),
        (
            {"resources": {"cpu": 1, "gpu": "auto"}},
            "The gpu share 'auto' measures the training of a pipeline: give the share that the"
            " trainer needs, such as 0.25.",
        ),
    ],
)
def test_what_a_trainer_cannot_be_combined_with_is_refused(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError) as caught:
        own(**given)
    assert str(caught.value) == sentence


def test_a_partial_function_may_be_a_trainer() -> None:
    assert own(trainer=partial(lambda width, trial: None, 3)).trainer is not None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"pipeline": None},
            "A sweep needs pipeline, a function that returns a TrainingPipeline, or a trainer of"
            " its own.",
        ),
        (
            {"steps": 100},
            "steps belongs to a trainer of the sweep's own: the stages of a pipeline have"
            " max_stage_steps.",
        ),
        (
            {"world": None},
            'A sweep with a pipeline needs world, such as world="CartPole-v1".',
        ),
        (
            {"evaluation": None},
            "A sweep with a pipeline needs evaluation, such as"
            " evaluation=Evaluation(every=10_000).",
        ),
    ],
)
def test_what_a_pipeline_needs_is_said(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        make_sweep(**given)
    assert str(caught.value) == sentence
