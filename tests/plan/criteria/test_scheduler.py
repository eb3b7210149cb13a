import pytest
from ray.tune.schedulers import ASHAScheduler

from segue.plan.criteria.metrics import AllOf, AnyOf, Reached
from segue.plan.criteria.scheduler import SchedulerCriterion, scheduler_criteria
from segue.plan.tracker import ScalarMeanTracker


def test_it_ends_the_stage_once_the_scheduler_has_spoken() -> None:
    criterion = SchedulerCriterion("asha")
    assert not criterion(100, 100, ScalarMeanTracker())
    criterion.end()
    assert criterion(200, 200, ScalarMeanTracker())


def test_its_state_is_saved() -> None:
    criterion = SchedulerCriterion()
    other = SchedulerCriterion()
    criterion.end()
    other.load_state_dict(criterion.state_dict())
    assert other(1, 1, ScalarMeanTracker())
    with pytest.raises(ValueError, match="not a state of SchedulerCriterion"):
        other.load_state_dict({"best": 1})


def test_it_is_found_within_others() -> None:
    one = SchedulerCriterion("asha")
    two = SchedulerCriterion("median")
    criterion = AnyOf([Reached("success", 0.9), AllOf([one, two])])
    assert list(scheduler_criteria(criterion)) == [one, two]
    assert list(scheduler_criteria(Reached("success", 0.9))) == []


@pytest.mark.parametrize("scheduler", ["hyperband", None, 3, ASHAScheduler])
def test_what_is_not_a_scheduler_is_refused(scheduler: object) -> None:
    with pytest.raises(
        ValueError, match="SchedulerCriterion takes 'asha', 'median', or a scheduler object"
    ):
        SchedulerCriterion(scheduler)


def test_an_object_of_tune_is_taken() -> None:
    assert isinstance(SchedulerCriterion(ASHAScheduler("stage_steps")), SchedulerCriterion)
