import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.plan.pipelines.progress import Progress
from segue.plan.pipelines.schedules import LinearDecay
from segue.train import A2C, PPO
from segue.train.members.stage_knobs import knobs_at
from segue.train.rollouts.generators import MemberGenerators
from segue.train.updates.experience import Experience
from segue.train.updates.minibatches import minibatches
from segue.train.updates.update import chunks
from tests.train.support.pipelines import LANES, ROLLOUT, pipeline, stage, trainer


def shuffled(generators, members, samples, row, lanes=None):
    """The minibatches of an experience of so many samples, of a policy with a memory if `lanes` are
    given.
    """
    memory = None if lanes is None else torch.zeros(1, 1)
    empty = torch.zeros(0)
    return minibatches(
        generators,
        members,
        Experience(empty, empty, empty, samples, lanes or 1, memory=memory),
        row,
    )


def generators(*seeds):
    return [np.random.Generator(np.random.SFC64(seed)) for seed in seeds]


@settings(max_examples=50)
@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(1, 5))
def test_chunks_hold_every_member_once_with_one_program(programs, width):
    found = list(chunks(programs, width))
    assert sorted(member for chunk in found for member in chunk) == list(range(len(programs)))
    for chunk in found:
        assert len(chunk) <= width
        assert len({programs[member] for member in chunk}) == 1


def test_minibatches_of_an_epoch_are_a_permutation_of_the_member_s_own_rows():
    row = knobs_at(pipeline(num_mini_batch=3, update_repeats=2), Progress(), LANES)
    index = shuffled(generators(0, 1), [2, 5], 12, row)
    assert index.shape == (2, 3, 2, 4)
    for epoch in index:
        for position, member in enumerate((2, 5)):
            assert sorted(epoch[:, position].reshape(-1).tolist()) == list(
                range(12 * member, 12 * member + 12)
            )
    assert not np.array_equal(index[0], index[1])
    assert not np.array_equal(index[:, :, 0] - 24, index[:, :, 1] - 60)


def test_what_the_minibatches_do_not_divide_is_left_out_and_differs_by_epoch():
    row = knobs_at(pipeline(num_mini_batch=3, update_repeats=20), Progress(), LANES)
    index = shuffled(generators(0), [0], 11, row)
    assert index.shape == (20, 3, 1, 3)
    left = [frozenset(range(11)) - set(epoch.reshape(-1).tolist()) for epoch in index]
    assert all(len(out) == 2 for out in left)
    assert len(set(left)) > 5


def test_a_member_s_minibatches_do_not_depend_on_its_neighbours():
    row = knobs_at(pipeline(), Progress(), LANES)
    together = shuffled(generators(0, 1, 2), [0, 1, 2], 10, row)
    alone = shuffled(generators(1), [0], 10, row)
    np.testing.assert_array_equal(together[:, :, 1] - 10, alone[:, :, 0])


def test_with_a_memory_minibatches_are_whole_lanes_step_by_step():
    row = knobs_at(pipeline(num_mini_batch=2, update_repeats=3), Progress(), LANES)
    steps = 6
    lanes = 5
    index = shuffled(generators(0, 1), [1, 4], steps * lanes, row, lanes)
    assert index.shape == (3, 2, 2, steps * 2)
    for epoch in index:
        for position, member in enumerate((1, 4)):
            own = epoch[:, position].reshape(2, steps, 2) - member * steps * lanes
            np.testing.assert_array_equal(
                own - own[:, :1], np.arange(steps)[None, :, None] * lanes + 0 * own
            )
            used = own[:, 0].reshape(-1).tolist()
            assert len(set(used)) == 4 and set(used) < set(range(lanes))


def test_knobs_are_the_stage_s_numbers():
    decay = PPO(clip_param=0.2, clip_decay=LinearDecay(100))
    plan = pipeline(
        stage(),
        stage(
            ["ppo", "a2c"],
            loss_weights=[0.5, 0.0],
            use_gae=False,
            gamma=0.5,
            num_steps=8,
            update_repeats=7,
        ),
        losses={"ppo": decay, "a2c": A2C()},
        adam={"lr": 0.1},
    )
    first = knobs_at(plan, Progress(0, 0, 0), LANES)
    second = knobs_at(plan, Progress(1, 50, 500), LANES)
    assert (first.gamma, first.gae_lambda, first.shape, first.updates) == (0.99, 0.95, (16, 2), 4)
    assert (second.gamma, second.gae_lambda, second.shape, second.updates) == (0.5, 1.0, (8, 2), 14)
    assert first.losses[0].hyperparameters["clip"] == 0.2
    (only,) = second.losses
    assert (only.name, only.weight, only.hyperparameters["clip"]) == (
        "ppo",
        0.5,
        pytest.approx(0.1),
    )
    assert first.optimizer.lr == 0.1


def test_programs_are_equal_where_only_numbers_differ():
    def program(loss, **changes):
        return knobs_at(pipeline(losses={"ppo": loss}, **changes), Progress(), LANES).program

    assert program(PPO(0.1)) == program(PPO(0.3), gamma=0.1, adam={"lr": 1.0}, max_grad_norm=7.0)
    assert program(PPO()) != program(PPO(), update_repeats=5)
    assert program(PPO()) != program(PPO(normalize_advantage=False))


def test_a_stage_whose_losses_all_weigh_nothing_collects_and_learns_nothing():
    made = trainer(pipeline(stage(loss_weights=[0.0])))
    before = made.parameters
    happened = made.advance()
    assert torch.equal(made.parameters, before)
    assert made.env_steps == ROLLOUT
    assert [one.losses for one in made.advance().logged + happened.logged if one.losses] == []


def test_loss_weights_scale_the_gradient():
    """Doubling the weight doubles every gradient: with eps almost 0 and no clipping Adam then does
    the same.
    """

    def parameters(weight):
        plan = pipeline(
            stage(loss_weights=[weight]), adam={"lr": 1e-3, "eps": 1e-12}, max_grad_norm=1e9
        )
        made = trainer(plan)
        made.advance()
        return made.parameters

    torch.testing.assert_close(parameters(1.0), parameters(2.0), rtol=1e-3, atol=1e-5)


def test_generators_are_separate_streams_and_continue_after_a_restore():
    one = MemberGenerators.of(3)
    other = MemberGenerators.of(3)
    other.actions.random(100)
    assert one.minibatches.random() == other.minibatches.random()
    assert MemberGenerators.of(3).parameters.random() != MemberGenerators.of(4).parameters.random()
    state = one.state_dict()
    expected = [generator.random(3).tolist() for generator in vars(one).values()]
    other.load_state_dict(state)
    assert [generator.random(3).tolist() for generator in vars(other).values()] == expected
    assert len({tuple(numbers) for numbers in expected}) == 4
