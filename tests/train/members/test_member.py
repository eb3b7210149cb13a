from dataclasses import dataclass, field

import numpy as np
import pytest

from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.pipelines.progress import Progress
from segue.plan.values.builder import Builder
from segue.train.members.episodes import FinishedEpisodes
from segue.train.members.member import Member, track
from tests.train.support.example_members import Patience
from tests.train.support.pipelines import LANES, pipeline, stage


@dataclass
class Asked(EarlyStoppingCriterion):
    """Writes down what it is called with; stops when the mean return is above 10."""

    calls: list = field(default_factory=list)

    def __call__(self, stage_steps, total_steps, training_metrics):
        means = training_metrics.means()
        training_metrics.pop_and_reset()  # forbidden, and harmless
        self.calls.append((stage_steps, total_steps, means))
        return means.get("return", 0) > 10


def stood(member):
    return member.progress.stage, member.progress.stage_steps, member.progress.total_steps


def test_a_stage_ends_at_the_rollout_that_reaches_its_limit_and_counts_the_steps_beyond():
    member = Member(pipeline(stage(steps=100), stage(steps=64)), LANES)
    member.advance(64)
    assert stood(member) == (0, 64, 64)
    member.advance(64)
    assert stood(member) == (1, 0, 128)
    assert member.reached == Progress(0, 128, 128)
    member.advance(64)
    assert stood(member) == (2, 0, 192)
    assert member.done
    assert member.reached == Progress(1, 64, 192)


def test_the_length_of_a_stage_may_be_a_function():
    member = Member(pipeline(stage(steps=lambda: 128)), LANES)
    member.advance(64)
    assert not member.done
    member.advance(64)
    assert member.done


def test_metrics_come_once_an_interval():
    member = Member(pipeline(stage(steps=1000), metric_accumulate_interval=100), LANES)
    found = []
    for value in range(5):
        member.tracker.add_scalars({"return": value})
        found.append(member.advance(64))
    assert found == [None, {"return": 0.5}, None, {"return": 2.5}, None]


def test_metrics_of_two_stages_are_never_mixed():
    member = Member(
        pipeline(stage(steps=64), stage(steps=1000), metric_accumulate_interval=128), LANES
    )
    member.tracker.add_scalars({"return": 1})
    assert member.advance(64) == {"return": 1}
    found = []
    for _ in range(3):
        member.tracker.add_scalars({"return": 5})
        found.append(member.advance(64))
    assert found == [None, {"return": 5}, None]


def test_an_interval_without_an_episode_has_no_metrics():
    assert Member(pipeline(metric_accumulate_interval=1), LANES).advance(64) == {}


def test_a_criterion_sees_the_interval_s_metrics_and_ends_the_stage():
    stages = (
        stage(steps=1000, early_stopping_criterion=Asked()),
        stage(steps=1000, early_stopping_criterion=Asked()),
    )
    member = Member(pipeline(*stages, metric_accumulate_interval=128), LANES)
    first = member.criterion
    for value in (1, 2, 9, 50):
        member.tracker.add_scalars({"return": value})
        assert member.progress.stage == 0
        found = member.advance(64)
    assert first.calls == [(128, 128, {"return": 1.5}), (256, 256, {"return": 29.5})]
    assert found == {"return": 29.5}
    assert stood(member) == (1, 0, 256)
    member.advance(128)
    assert member.criterion.calls == [(128, 384, {})]
    assert not stages[0].early_stopping_criterion.calls, "the plan's own criterion keeps no state"


@pytest.mark.parametrize("criterion", [Patience(2), Builder(Patience, {"times": 2})])
def test_each_member_has_a_criterion_of_its_own(criterion):
    plan = pipeline(
        stage(steps=1000, early_stopping_criterion=criterion), metric_accumulate_interval=64
    )
    one = Member(plan, LANES)
    other = Member(plan, LANES)
    one.advance(64)
    other.advance(64)
    assert not one.done
    other.advance(64)
    assert other.done and not one.done


def test_a_saved_member_continues_from_its_state():
    plan = pipeline(
        stage(steps=1000, early_stopping_criterion=Patience(3)),
        stage(),
        metric_accumulate_interval=64,
    )
    member = Member(plan, LANES)
    again = Member(plan, LANES)
    member.advance(64)
    member.advance(32)
    member.tracker.add_scalars({"return": 2})
    again.load_state_dict(member.state_dict())
    assert again.state_dict() == member.state_dict()
    assert again.advance(32) == member.advance(32) == {"return": 2}
    assert again.advance(64) == member.advance(64)
    assert stood(again) == stood(member) == (1, 0, 192)


def test_episodes_are_tracked_by_the_lanes_of_the_member():
    ended = FinishedEpisodes(
        np.array([0, 2, 3, 3]), np.array([1.0, 10.0, 20.0, 60.0]), np.array([4, 5, 6, 7])
    )
    metrics = {"success": [[], [1.0, 0.0, 0.5]]}
    members = [Member(pipeline(), LANES) for _ in range(2)]
    for row, member in enumerate(members):
        track(member, row, 2, ended, metrics)
    assert members[0].tracker.means() == {"return": 1.0, "length": 4.0}
    assert members[1].tracker.means() == pytest.approx(
        {"return": 30.0, "length": 6.0, "success": 0.5}
    )
    track(
        members[1],
        1,
        2,
        FinishedEpisodes(np.array([3]), np.array([70.0]), np.array([2])),
        {"success": [[], []]},
    )
    assert members[1].tracker.means() == pytest.approx(
        {"return": 40.0, "length": 5.0, "success": 0.5}
    )
