import itertools

import pytest
import torch

from segue.plan.sweeps.evaluation import Evaluation
from tests.train.support.example_members import SEEDS, Patience
from tests.train.support.pipelines import LANES, ROLLOUT, advanced, pipeline, stage, trainer
from tests.worlds.probes import ActionReward, ContextualAction

EVERY = Evaluation(every=2 * ROLLOUT, episodes=1)


def reports(made):
    """(env steps, stage ended, done) of every report that is due, with the evaluation made."""
    found = []
    while not made.done:
        happened = made.advance()
        if happened.report_due:
            made.evaluate()
            found.append((made.env_steps, happened.stage_ended, made.done))
    return found


def test_reports_are_due_at_intervals_and_at_the_ends_of_stages():
    made = trainer(
        pipeline(stage(steps=3 * ROLLOUT), stage(steps=4 * ROLLOUT)), ActionReward, SEEDS[:2], EVERY
    )
    assert [(steps // ROLLOUT, ended, done) for steps, ended, done in reports(made)] == [
        (2, False, False),
        (3, True, False),
        (4, False, False),
        (6, False, False),
        (7, True, True),
    ]


def several(lengths, shapes):
    """One pipeline a member; a stage is ended by its criterion after so many rollouts of 16 or of 8
    steps.
    """
    return [
        pipeline(
            *(
                stage(
                    steps=100 * ROLLOUT, num_steps=shape, early_stopping_criterion=Patience(length)
                )
                for length, shape in zip(own, shapes, strict=True)
            ),
            metric_accumulate_interval=1,
        )
        for own in lengths
    ]


@pytest.mark.parametrize("shapes", [(16, 16, 16), (16, 8, 16), (8, 16, 24)])
@pytest.mark.parametrize("lengths", list(itertools.permutations([(1, 1, 4), (3, 1, 1), (2, 2, 2)])))
def test_every_report_has_a_step_of_its_own_whenever_members_change_stage(lengths, shapes):
    made = trainer(several(lengths, shapes), ActionReward, SEEDS[:3], EVERY)
    found = reports(made)
    steps = [at for at, _, _ in found]
    assert steps == sorted(set(steps))
    assert [done for _, _, done in found] == [False] * (len(found) - 1) + [True]
    assert found[-1][1]
    assert sum(ended for _, ended, _ in found) <= 3
    assert steps[-1] == max(member.progress.total_steps for member in made.members)


def test_pipelines_of_different_lengths_end_with_one_last_report():
    plans = [pipeline(*[stage(steps=2 * ROLLOUT)] * stages) for stages in (1, 3, 2)]
    found = reports(trainer(plans, ActionReward, SEEDS[:3], EVERY))
    assert found == [
        (2 * ROLLOUT, True, False),
        (4 * ROLLOUT, True, False),
        (6 * ROLLOUT, True, True),
    ]


def test_the_last_report_is_made_even_if_the_longest_member_has_fewer_stages():
    plans = [pipeline(*[stage(steps=2 * ROLLOUT)] * 3), pipeline(stage(steps=1, num_steps=160))]
    found = reports(trainer(plans, ActionReward, SEEDS[:2], EVERY))
    assert found == [
        (2 * ROLLOUT, True, False),
        (4 * ROLLOUT, True, False),
        (10 * ROLLOUT, True, True),
    ]


def test_steps_are_those_of_the_member_furthest_behind():
    plans = [
        pipeline(stage(steps=ROLLOUT), stage(steps=4 * ROLLOUT, num_steps=steps))
        for steps in (16, 64)
    ]
    made = trainer(plans, ActionReward, SEEDS[:2])
    stood = []
    while not made.done:
        made.advance()
        stood.append((made.env_steps // ROLLOUT, made.total_env_steps // ROLLOUT))
    assert stood == [(1, 2), (1, 3), (2, 7), (3, 8), (4, 9), (5, 10)]


def test_the_reported_progress_is_that_of_a_member_that_still_trains():
    plans = several([(1,), (3,)], (16,))
    made = trainer(plans, ActionReward, SEEDS[:2])
    for rollouts in (1, 2):
        made.advance()
        assert (made.progress.stage, made.progress.stage_steps) == (0, rollouts * ROLLOUT)
        assert made.reached == made.progress
    made.advance()
    assert made.done
    assert (made.reached.stage, made.reached.stage_steps) == (0, 3 * ROLLOUT)


def test_a_criterion_ends_its_own_member_s_stage_only():
    plans = several([(1, 3), (3, 1)], (16, 16))
    made = advanced(trainer(plans, ActionReward, SEEDS[:2]), times=2)
    assert [member.progress.stage for member in made.members] == [1, 0]


def test_what_is_logged_names_member_stage_and_numbers():
    plan = pipeline(
        stage(["ppo", "a2c"], steps=ROLLOUT),
        stage(),
        metric_accumulate_interval=1,
        adam={"lr": 1e-4},
    )
    made = trainer(plan, ContextualAction, SEEDS[:2])
    logged = made.advance().logged
    assert [(one.member, one.stage, one.total_steps, one.lr) for one in logged] == [
        (0, 0, ROLLOUT, 1e-4),
        (1, 0, ROLLOUT, 1e-4),
    ]
    for one in logged:
        assert one.metrics.keys() == {"return", "length", "success"}
        assert one.metrics["length"] == 1
        assert one.losses.keys() == {"ppo", "a2c"}
        assert one.losses["ppo"].keys() == {"ppo_total", "action", "value", "entropy", "ratio"}
        assert one.losses["a2c"].keys() == {"a2c_total", "action", "value", "entropy"}
        assert one.losses["ppo"]["entropy"] == pytest.approx(0.69, abs=0.01)
    assert made.advance().logged[0].losses.keys() == {"ppo"}


def test_with_a_learning_rate_of_0_nothing_moves():
    made = trainer(pipeline(adam={"lr": 0.0}), seeds=SEEDS)
    before = made.parameters
    assert torch.equal(advanced(made).parameters, before)


def test_parameters_are_in_the_members_order_however_the_pack_is_parted():
    plans = [
        pipeline(stage(steps=ROLLOUT), stage(steps=4 * ROLLOUT, num_steps=8 + i % 2))
        for i in range(4)
    ]
    made = trainer(plans, seeds=SEEDS[:4])
    made.advance()
    assert [group.members for group in made.groups] == [[0, 2], [1, 3]]
    for group in made.groups:
        for row, member in enumerate(group.members):
            assert torch.equal(made.parameters[member], group.pack.parameters[row])


def test_worlds_are_closed():
    closed = []

    class Closing(ActionReward):
        def close(self):
            closed.append(self.lanes)

    made = trainer(pipeline(), Closing, SEEDS[:2], EVERY)
    made.close()
    assert sorted(closed) == [2 * EVERY.episodes, 2 * LANES]
