"""Teacher forcing and imitation: who acts, who is imitated, and that it packs and resumes like
everything else.
"""

import numpy as np
import pytest
import torch

from segue.plan.pipelines.schedules import LinearDecay
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.values.builder import Builder
from segue.train import PPO, Imitation, PPOValue, check_trial
from segue.train.members.stage_knobs import knobs_at
from segue.train.rollouts.generators import MemberGenerators
from segue.train.rollouts.teacher import Teaching
from segue.worlds import make_world, world_spec
from segue.worlds.world import Advice
from tests.train.support.example_members import SEEDS
from tests.train.support.given import Given, given_batch
from tests.train.support.pipelines import LANES, ROLLOUT, advanced, pipeline, stage, trainer
from tests.train.support.same import assert_same_state

LOSSES = {"imitation": Imitation(), "value": PPOValue(), "ppo": PPO()}


def weaned(i=1, **changes):
    """Imitation that is weaned off the teacher over `i + 2` rollouts, then PPO."""
    first = stage(
        ["imitation", "value"], (i + 2) * ROLLOUT, teacher_forcing=LinearDecay((i + 1) * ROLLOUT)
    )
    return pipeline(first, stage("ppo", (6 - i) * ROLLOUT), losses=LOSSES, **changes)


def knobs(schedule, losses="ppo"):
    made = pipeline(stage(losses, teacher_forcing=schedule), losses=LOSSES)
    return knobs_at(made, trainer(made).members[0].progress, LANES)


def test_a_schedule_is_called_at_every_step_of_the_rollout():
    row = knobs(LinearDecay(32))
    assert row.teacher == pytest.approx([max(0, 1 - 4 * t / 32) for t in range(16)])
    assert (
        row.needs_expert and knobs(None, "imitation").needs_expert and not knobs(None).needs_expert
    )


def test_lanes_follow_the_expert_with_the_scheduled_probability_and_where_it_knows_an_action():
    steps = 400
    lanes = 50
    rows = [knobs(lambda taken: 0.25), knobs(None), knobs(lambda taken: 1.0)]
    rows = [row if row.teacher is None else _longer(row, steps) for row in rows]
    generators = [MemberGenerators.of(seed) for seed in range(3)]
    teaching = Teaching.of(rows, generators, lanes, np.zeros((steps, 3 * lanes), np.int64), 2)
    available = np.arange(3 * lanes) % 5 > 0
    own = np.zeros(3 * lanes, np.int64)
    expert = np.ones(3 * lanes, np.int64)
    taken = np.array([teaching(t, Advice(expert, available), own) for t in range(steps)])
    assert (taken[:, ~available] == 0).all()
    shares = taken.reshape(steps, 3, lanes)[:, :, available[:lanes]].mean((0, 2))
    assert shares == pytest.approx([0.25, 0.0, 1.0], abs=0.02)
    assert teaching.ratios(3) == pytest.approx(0.8 * shares)


def _longer(row, steps):
    return row.__class__(**{**vars(row), "teacher": (row.teacher[0],) * steps})


def test_continuous_actions_are_replaced_as_a_whole():
    row = _longer(knobs(lambda taken: 1.0), 1)
    teaching = Teaching.of([row], [MemberGenerators.of(0)], 2, np.zeros((1, 2, 3), np.float32), 3)
    advice = Advice(np.ones((2, 3), np.float32), np.array([True, False]))
    assert teaching(0, advice, np.zeros((2, 3), np.float32)).tolist() == [[1, 1, 1], [0, 0, 0]]


def test_a_forced_rollout_is_the_expert_s():
    made = trainer(
        pipeline(stage("ppo", teacher_forcing=lambda taken: 1.0), losses=LOSSES), seeds=SEEDS[:2]
    )
    happened = made.groups[0].pack.iterate(
        [member.knobs for member in made.members], [[], []], [False, False]
    )
    assert happened.teacher_ratio.tolist() == [1.0, 1.0]
    rollout = made.groups[0].pack.rollout
    acted = np.array(rollout.action).reshape(rollout.teaching.action.shape)
    assert (acted == rollout.teaching.action).all()


def test_the_ratios_are_logged_and_are_no_metrics():
    (logged,) = trainer(weaned(metric_accumulate_interval=1)).advance().logged
    assert logged.teacher == {
        "teacher_ratio": pytest.approx(0.75, abs=0.2),
        "teacher_ratio_scheduled": pytest.approx(np.mean([1 - 4 * t / 128 for t in range(16)])),
    }
    assert "teacher_ratio" not in logged.metrics


def test_imitation_is_the_cross_entropy_over_what_the_expert_knew():
    log_prob = torch.tensor([[-1.0, -2.0, -4.0], [-1.0, -2.0, -4.0]], requires_grad=True)
    zero = torch.zeros(2, 3)
    available = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    batch = _batch(zero, available)
    loss, info = Imitation()(batch, _outputs(zero, log_prob), {})
    assert loss.tolist() == [2.5, 0.0] and info["expert_cross_entropy"] is loss
    assert torch.autograd.grad(loss.sum(), log_prob)[0].tolist() == [
        [-0.5, 0.0, -0.5],
        [0.0, 0.0, 0.0],
    ]


def _batch(zero, available):
    return given_batch(zero, expert_action=zero, expert_available=available)


def _outputs(zero, log_prob):
    return Given(zero, zero, zero, log_prob)


def test_the_value_loss_alone_is_ppo_s():
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(2, 5, generator=generator) for _ in range(6)]
    batch = _batch(draw[0], draw[0])._replace(value=draw[1], value_target=draw[2])
    clip = torch.tensor([[0.1], [0.3]])
    alone, _ = PPOValue()(batch, _outputs(draw[3], draw[3])._replace(value=draw[4]), {"clip": clip})
    coefs = {"clip": clip, "value_loss_coef": torch.ones(2, 1), "entropy_coef": torch.zeros(2, 1)}
    _, info = PPO()(batch, _outputs(draw[3], draw[3])._replace(value=draw[4]), coefs)
    assert torch.equal(alone, info["value"])
    assert PPOValue(0.2, clip_decay=LinearDecay(100)).hyperparameters(50) == {"clip": 0.1}


def test_a_member_that_is_weaned_is_itself_in_a_pack():
    plans = [weaned(i % 5, adam={"lr": 1e-3 * (1 + i)}) for i in range(len(SEEDS))]
    together = advanced(trainer(plans, seeds=SEEDS))
    for k, (plan, seed) in enumerate(zip(plans, SEEDS, strict=True)):
        alone = advanced(trainer([plan], seeds=[seed]))
        assert torch.equal(alone.parameters[0], together.parameters[k])


def test_it_resumes_bit_for_bit():
    evaluation = Evaluation(every=10**9, episodes=1, max_episode_steps=5)
    whole = trainer(weaned(), seeds=SEEDS[:2], evaluation=evaluation)
    for _ in range(4):
        resumed = trainer(weaned(), seeds=SEEDS[:2], evaluation=evaluation)
        resumed.load_state_dict(whole.state_dict())
        for made in (whole, resumed):
            made.advance()
        assert_same_state(resumed.state_dict(), whole.state_dict())


def test_a_stage_that_requires_an_expert_where_there_is_none_is_refused():
    acrobot = world_spec("Acrobot-v1")
    with pytest.raises(
        ValueError, match="Stage 0 has the loss 'imitation', but the world has no expert"
    ):
        check_trial(weaned(), acrobot, LANES, None)
    with pytest.raises(
        ValueError, match="Stage 0 has teacher_forcing, but the world has no expert"
    ):
        trainer(
            pipeline(stage("ppo", teacher_forcing=LinearDecay(10)), losses=LOSSES), "Acrobot-v1"
        )
    with pytest.raises(ValueError, match="has no expert"):
        make_world("Acrobot-v1", 1, 1).expert()


def test_a_learning_rate_schedule_counts_the_steps_of_the_whole_pipeline():
    builder = Builder(torch.optim.lr_scheduler.LambdaLR, {"lr_lambda": LinearDecay(4 * ROLLOUT)})
    made = trainer(
        pipeline(stage(steps=ROLLOUT), stage(steps=4 * ROLLOUT), lr_scheduler_builder=builder)
    )
    rates = []
    while not made.done:
        rates.append(made.members[0].knobs.optimizer.lr)
        made.advance()
    assert rates == pytest.approx([1e-3, 0.75e-3, 0.5e-3, 0.25e-3, 0.0])


def test_a_scheduler_that_cannot_say_the_rate_at_a_step_is_refused():
    builder = Builder(torch.optim.lr_scheduler.StepLR, {"step_size": 5})
    with pytest.raises(ValueError, match="write Builder\\(LambdaLR"):
        trainer(pipeline(lr_scheduler_builder=builder))


@pytest.mark.slow
def test_an_agent_learns_to_balance_by_imitation_alone():
    plan = pipeline(
        stage("imitation", 6_000, teacher_forcing=LinearDecay(3_000)),
        losses=LOSSES,
        num_steps=64,
        update_repeats=4,
        adam={"lr": 3e-3},
    )
    made = advanced(
        trainer(plan, seeds=[0, 1], evaluation=Evaluation(every=10**9, episodes=10), lanes=8)
    )
    assert min(made.evaluate()["return"]) > 400
