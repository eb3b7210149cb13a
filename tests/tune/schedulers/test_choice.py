from typing import Any

import pytest
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
)

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.points.corners import Corners
from segue.tune.schedulers.choice import make_scheduler
from segue.tune.schedulers.explanation import explained
from segue.tune.schedulers.rules.stage_asha import StageASHA
from segue.tune.schedulers.trial import NumberedTrial
from tests.tune.support.doubles import make_sweep, pipeline


def test_no_scheduler_is_first_in_first_out() -> None:
    assert type(make_scheduler(make_sweep(scheduler=None))) is FIFOScheduler


def test_asha_judges_from_an_eighth_of_the_longest_pipeline() -> None:
    scheduler = make_scheduler(make_sweep(scheduler="asha"))
    assert (scheduler._time_attr, scheduler._max_t) == ("env_steps", 1200)
    assert [milestone for milestone, _ in scheduler._brackets[0]._rungs] == [450, 150]


@pytest.mark.parametrize(("every", "first"), [(500, 500), (5_000, 1200)])
def test_asha_never_judges_before_the_first_evaluation(every: int, first: int) -> None:
    scheduler = make_scheduler(make_sweep(scheduler="asha", evaluation=Evaluation(every=every)))
    assert [milestone for milestone, _ in scheduler._brackets[0]._rungs][-1] == first


def test_hyperband_s_brackets_begin_later_and_go_by_the_trial_s_number() -> None:
    sweep = make_sweep(scheduler="hyperband", evaluation=Evaluation(every=100))
    made = make_scheduler(sweep)
    again = make_scheduler(sweep)
    firsts = [[milestone for milestone, _ in bracket._rungs][-1] for bracket in made._brackets]
    assert firsts == [150, 450]
    for scheduler, numbers in ((made, range(60)), (again, reversed(range(60)))):
        for number in numbers:
            scheduler.on_trial_add(None, NumberedTrial(number, {}))
    chosen = [made._brackets.index(made._trial_info[str(number)]) for number in range(60)]
    assert chosen == [again._brackets.index(again._trial_info[str(number)]) for number in range(60)]
    assert 0 < chosen.count(1) < chosen.count(0)


def test_the_sweeps_own_scheduler_stays_as_it_was() -> None:
    own = ASHAScheduler("env_steps", max_t=1200, grace_period=100)
    made = make_scheduler(make_sweep(scheduler=own))
    made.set_search_properties("return", "max")
    assert own._metric is None


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        (None, "none: every trial runs to its end"),
        ("asha", "asha: the best 1 of 3 trials continues at 150 steps"),
        ("stage_asha", "continues at 100 steps of a stage"),
        ("hyperband", "continues at 150 steps, and each time"),
        ("median", "median: trials below the median of the others' means stop, from 150 steps"),
        ("pbt", "every 150 steps"),
        (
            ASHAScheduler("env_steps", max_t=1200, grace_period=100, reduction_factor=4),
            "AsyncHyperBandScheduler(time_attr=env_steps, max_t=1200, reduction_factor=4,",
        ),
        (StageASHA(100), "StageASHA(grace_period=100, reduction_factor=3, min_peers=2)"),
    ],
)
def test_a_scheduler_is_explained_with_its_numbers(scheduler: Any, words: str) -> None:
    sweep = make_sweep(scheduler=scheduler)
    assert words in explained(sweep, Corners.of(sweep))


def test_the_longest_pipeline_is_found_at_the_corners() -> None:
    assert Corners.of(make_sweep()).longest_pipeline == 1200


def test_every_rollout_is_trained_whole() -> None:
    """Stages of 400 or 800 and of 400 steps, in rollouts of 3 lanes x 50 steps."""
    whole = Corners.of(make_sweep(lanes=3, pipeline=in_rollouts_of_50))
    assert whole.longest_training == 6 * 150 + 3 * 150


def in_rollouts_of_50(first_steps: int, lr: float, gae_lambda: float) -> TrainingPipeline:
    known = pipeline(first_steps, lr, gae_lambda)
    return TrainingPipeline(
        named_losses=known.named_losses,
        pipeline_stages=known.pipeline_stages,
        optimizer_builder=known.optimizer_builder,
        **{**known.given, "num_steps": 50},
    )


@pytest.mark.parametrize(
    ("scheduler", "said"),
    [
        (
            ASHAScheduler(max_t=2_000),
            "ASHAScheduler|AsyncHyperBandScheduler counts 'training_iteration': give it time",
        ),
        (
            ASHAScheduler("env_steps", max_t=1_000),
            "ends trials after 1,000 steps.*take 1,200: give it max_t=1200",
        ),
        (
            ASHAScheduler("env_steps", max_t=1_200, brackets=3),
            "draws one of 3 brackets.*give it brackets=1",
        ),
        (
            ASHAScheduler("env_steps", max_t=1_200, metric="loss", mode="min"),
            "has a metric of its own: leave it out",
        ),
        (MedianStoppingRule(), "counts 'time_total_s': give it time_attr='env_steps'"),
        (
            HyperBandScheduler("env_steps", max_t=1_200),
            "hangs where workers are reused: use 'hyperband'",
        ),
        (
            PopulationBasedTraining("env_steps", hyperparam_mutations={"lr": [1]}),
            "use 'pbt', which supports stages",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_scheduler_that_cannot_work_is_refused_with_the_fix(scheduler: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_scheduler(make_sweep(scheduler=scheduler))


def test_a_corner_where_the_pipeline_function_fails_is_named() -> None:
    def fails_late(first_steps: int, lr: float, gae_lambda: float) -> Any:
        return pipeline(first_steps, 1e-4 / (lr < 1e-3), gae_lambda)

    with pytest.raises(
        ValueError, match=r"fails at \{'first_steps': 400, 'lr': 0.001.*ZeroDivisionError"
    ):
        make_scheduler(make_sweep(pipeline=fails_late))
