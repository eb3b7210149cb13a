import dataclasses

import pytest

from segue.plan.criteria.criterion import EarlyStoppingCriterion, NeverEarlyStoppingCriterion
from segue.plan.tracker import ScalarMeanTracker
from tests.plan.conformance import check_criterion, check_value


class Twice(EarlyStoppingCriterion):
    """The smallest criterion with state: stops when `metric` has reached `goal` twice."""

    def __init__(self, metric="success", goal=0.5):
        self.metric = metric
        self.goal = goal
        self.seen = 0

    def __call__(self, stage_steps, total_steps, training_metrics):
        self.seen += training_metrics.means()[self.metric] >= self.goal
        return self.seen >= 2

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        if set(state) != {"seen"}:
            raise ValueError(f"This is not a state of Twice: {state}.")
        self.seen = state["seen"]


@pytest.mark.parametrize("make", [NeverEarlyStoppingCriterion, Twice, lambda: Twice(goal=0.51)])
def test_conformance(make):
    check_criterion(make, {"success": 0.5})


def test_never_is_a_value():
    check_value(NeverEarlyStoppingCriterion())


def test_never_stops_never():
    criterion = NeverEarlyStoppingCriterion()
    assert not any(criterion(steps, steps, ScalarMeanTracker()) for steps in (0, 1, 10**12))
    assert criterion == NeverEarlyStoppingCriterion()
    assert dataclasses.is_dataclass(criterion)


def test_the_base_class_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        EarlyStoppingCriterion()


def test_a_criterion_remembers_nothing_by_default():
    criterion = NeverEarlyStoppingCriterion()
    assert criterion.state_dict() == {}
    criterion.load_state_dict({})
    with pytest.raises(ValueError, match="NeverEarlyStoppingCriterion has no state"):
        criterion.load_state_dict({"seen": 1})
