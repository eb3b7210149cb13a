"""A trainer that was saved and loaded again continues bit for bit, from any point."""

import pytest

from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.world import World
from segue.train import A2C, PPO, Mlp, Network
from segue.train.checkpoint import load_checkpoint, save_checkpoint
from tests.train.support.example_members import SEEDS, Patience, ThreeTargets, member
from tests.train.support.pipelines import ROLLOUT, advanced, pipeline, stage, trainer
from tests.train.support.same import assert_same_state
from tests.train.support.staged import NAMES, plans
from tests.worlds.probes import Bits, BoundedTarget, Choices, Numbered, Painted

SLOW = pytest.mark.slow
PENDULUM = pytest.param("Pendulum-v1", marks=SLOW)
EVALUATION = Evaluation(every=2 * ROLLOUT, episodes=2, max_episode_steps=20)
POLICY = Mlp((8,))


def history(made):
    """What each rollout up to the end brings about, with evaluations where they are due, and where
    it leads.
    """
    happened = []
    while not made.done:
        now = made.advance()
        happened.append((now, made.evaluate() if now.report_due else None))
    return happened, made.state_dict()


def assert_resumes_everywhere(
    tmp_path, pipelines, world="CartPole-v1", seeds=SEEDS[:3], policy=POLICY
):
    def new():
        return trainer(pipelines, world, seeds, EVALUATION, policy=policy)

    whole, left = history(new())
    ahead = new()
    for point in range(len(whole)):
        directory = tmp_path / str(point)
        save_checkpoint(directory, ahead.env_steps, ahead.state_dict())
        resumed = new()
        resumed.load_state_dict(load_checkpoint(directory))
        assert resumed.total_env_steps == ahead.total_env_steps
        rest, final = history(resumed)
        assert rest == whole[point:]
        assert_same_state(final, left)
        if ahead.advance().report_due:
            ahead.evaluate()


@pytest.mark.parametrize("world", ["CartPole-v1", PENDULUM, ThreeTargets])
def test_in_every_stage_and_at_its_end(tmp_path, world):
    assert_resumes_everywhere(tmp_path, pipeline(stage(), stage("a2c"), save_interval=0), world)


def test_with_a_criterion_that_has_state_and_a_metric_half_gathered(tmp_path):
    first = stage(early_stopping_criterion=Patience(2), steps=20 * ROLLOUT)
    assert_resumes_everywhere(
        tmp_path, pipeline(first, stage(), metric_accumulate_interval=3 * ROLLOUT)
    )


def test_with_epochs_that_end_early_within_an_interval(tmp_path):
    losses = {"ppo": PPO(target_kl=1e-3), "a2c": A2C()}
    made = pipeline(
        stage(update_repeats=4),
        stage("a2c"),
        losses=losses,
        adam={"lr": 1e-2},
        metric_accumulate_interval=2 * ROLLOUT,
    )
    assert_resumes_everywhere(tmp_path, made)


@pytest.mark.parametrize("world", ["CartPole-v1", PENDULUM])
def test_after_a_member_has_left(tmp_path, world):
    assert_resumes_everywhere(
        tmp_path, [member(i, ROLLOUT, rollouts=4 + 2 * i) for i in range(3)], world
    )


@pytest.mark.parametrize("memory", [pytest.param(None, marks=SLOW), "lstm"])
@pytest.mark.parametrize(
    "name", [name if name == "weaned" else pytest.param(name, marks=SLOW) for name in NAMES]
)
def test_in_all_kinds_of_stages_with_and_without_a_memory(tmp_path, name, memory):
    policy = Network(memory, hidden=8, auxiliary=True)
    assert_resumes_everywhere(tmp_path, [plans(i)[name] for i in range(3)], policy=policy)


@pytest.mark.parametrize(
    "world", ["PoisonedDoors-v0", pytest.param("MiniGrid-LavaCrossingS9N1-v0", marks=SLOW)]
)
def test_in_worlds_of_states_and_views(tmp_path, world):
    policy = Network("gru", hidden=8)
    assert_resumes_everywhere(tmp_path, plans(0)["weaned"], world, policy=policy)


@pytest.mark.parametrize(
    ("world", "policy"),
    [
        (Choices, Mlp((5,), "silu", ortho_init=False)),
        (Bits, Network(hidden=(7, 5), activation="gelu")),
        (BoundedTarget, Mlp((5,), squash_output=True, state_dependent_std=True)),
        (Numbered, Mlp((5,))),
        (Painted, Network(hidden=5)),
        ("CartPole-v1", Network("gru", hidden=(7, 5), shared=False, critic=(3,))),
    ],
    ids=["choices", "bits", "squashed", "one-hot", "pictures", "separate memories"],
)
def test_with_policies_of_all_kinds(tmp_path, world, policy):
    assert_resumes_everywhere(tmp_path, pipeline(), world, SEEDS[:2], policy=policy)


@SLOW
def test_when_the_pack_is_parted_from_the_beginning_and_again_later(tmp_path):
    plans = [
        pipeline(
            stage(steps=2 * ROLLOUT, num_steps=first), stage(steps=2 * ROLLOUT, num_steps=second)
        )
        for first, second in ((16, 8), (16, 16), (8, 9))
    ]
    assert_resumes_everywhere(tmp_path, plans)


@pytest.mark.parametrize(
    "world",
    ["CartPole-v1", pytest.param(World("Pendulum-v1", frame_stack=2), marks=SLOW)],
    ids=["CartPole", "Pendulum"],
)
def test_when_members_that_parted_by_shape_find_together_again(tmp_path, world):
    plans = [
        pipeline(stage(steps=i * ROLLOUT), stage(steps=ROLLOUT, num_steps=8), stage())
        for i in (1, 2)
    ]
    assert_resumes_everywhere(tmp_path, plans, world, SEEDS[:2])


def test_loading_takes_nothing_from_the_trainer_that_was_saved():
    made = trainer(pipeline())
    other = trainer(pipeline())
    made.advance()
    other.load_state_dict(made.state_dict())
    advanced(made)
    assert_same_state(advanced(other).state_dict(), made.state_dict())


def test_a_state_is_unchanged_when_training_continues():
    made = trainer(pipeline())
    again = trainer(pipeline())
    made.advance()
    state = made.state_dict()
    advanced(made)
    again.load_state_dict(state)
    assert_same_state(advanced(again).state_dict(), made.state_dict())


def test_saving_does_not_disturb_the_run(tmp_path):
    quiet = trainer(pipeline(), seeds=SEEDS[:2])
    saving = trainer(pipeline(), seeds=SEEDS[:2])
    while not saving.done:
        saving.advance()
        save_checkpoint(tmp_path, saving.env_steps, saving.state_dict())
    assert_same_state(advanced(quiet).state_dict(), saving.state_dict())


def test_a_trainer_of_fewer_members_refuses_the_state():
    state = trainer(pipeline(), seeds=[0, 1]).state_dict()
    with pytest.raises(ValueError):
        trainer(pipeline(), seeds=[0]).load_state_dict(state)
