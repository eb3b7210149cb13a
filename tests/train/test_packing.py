"""Packing never changes a result: each member of a pack of seven is, bit for bit, the same member
alone. Most tests train three of the seven alone, which differ in all that members differ in.
"""

import pytest
import torch

from segue.train import PPO, Mlp, Network
from segue.worlds.array import cartpole
from tests.train.support.example_members import SEEDS, Patience, ThreeTargets, member, seven
from tests.train.support.pipelines import LANES, ROLLOUT, advanced, pipeline, stage, trainer
from tests.train.support.staged import NAMES, plans
from tests.worlds.probes import Bits, BoundedTarget, Choices, Numbered, Painted

SLOW = pytest.mark.slow


ALL = range(len(SEEDS))
SOME = (1, 2, 6)


def assert_each_is_itself(pipelines, world="CartPole-v1", lanes=LANES, policy=None, compared=ALL):
    def run(plans, seeds):
        return advanced(trainer(plans, world, seeds, lanes=lanes, policy=policy))

    seeds = SEEDS[: len(pipelines)]
    together = run(pipelines, seeds)
    assert len(together.parameters.unique(dim=0)) == len(seeds)
    for k in set(compared) & set(range(len(seeds))):
        alone = run([pipelines[k]], [seeds[k]])
        assert torch.equal(alone.parameters[0], together.parameters[k]), (
            f"member {k} depends on its neighbours"
        )
        assert alone.members[0].state_dict() == together.members[k].state_dict()
    return together


@pytest.mark.parametrize(
    "same_epochs",
    [pytest.param(True, marks=SLOW), False],
    ids=["same epochs", "different epochs"],
)
def test_with_everything_different_and_stages_that_change_at_different_times(same_epochs):
    assert_each_is_itself(seven(same_epochs=same_epochs))


@pytest.mark.parametrize(
    ("world", "hidden"),
    [
        pytest.param("CartPole-v1", (17,), marks=SLOW),
        ("CartPole-v1", ()),
        pytest.param("Pendulum-v1", (17, 5), marks=SLOW),
        (ThreeTargets, (17,)),
    ],
    ids=["discrete", "linear", "Gymnasium", "Gaussian"],
)
def test_in_odd_shapes(world, hidden):
    pipelines = seven(lanes=3, num_steps=13, num_mini_batch=3, same_epochs=True)
    assert_each_is_itself(pipelines, world, lanes=3, policy=Mlp(hidden), compared=SOME)


def test_with_one_lane_and_minibatches_of_two():
    pipelines = seven(lanes=1, num_steps=9, num_mini_batch=4, same_epochs=True)
    assert_each_is_itself(pipelines, lanes=1, policy=Mlp((5, 3), "relu"), compared=SOME)


def test_with_episodes_that_are_cut_at_different_times(monkeypatch):
    monkeypatch.setattr(cartpole, "MAX_EPISODE_STEPS", 11)
    assert_each_is_itself(seven(lanes=3, num_steps=13), lanes=3, compared=SOME)


@pytest.mark.parametrize("world", ["CartPole-v1", pytest.param("Pendulum-v1", marks=SLOW)])
def test_when_neighbours_leave_half_way(world):
    pipelines = [
        member(i, ROLLOUT, rollouts=20 if i % 2 else 10 + i, same_epochs=True)
        for i in range(len(SEEDS))
    ]
    together = assert_each_is_itself(pipelines, world, compared=SOME)
    assert len(together.groups) > 1


@pytest.mark.slow
def test_when_a_criterion_ends_the_stages_of_some():
    def plan(i):
        first = stage(
            steps=8 * ROLLOUT, early_stopping_criterion=Patience(1 + i) if i % 2 else None
        )
        last = stage(steps=12 * ROLLOUT, early_stopping_criterion=Patience(2) if i == 4 else None)
        return pipeline(first, last, metric_accumulate_interval=ROLLOUT)

    together = assert_each_is_itself([plan(i) for i in range(len(SEEDS))])
    lengths = [member.progress.total_steps // ROLLOUT for member in together.members]
    assert lengths == [20, 14, 20, 16, 10, 18, 20]


@pytest.mark.parametrize("policy", [None, Network("lstm", hidden=8)], ids=["Mlp", "lstm"])
def test_when_the_epochs_of_some_end_early(policy):
    """Members end at different updates, and without the epochs that they leave out."""
    limits = [None, 1e-4, 1e-3, None, 3e-3, 1e-5, 1e-2]

    def plan(i):
        ppo = PPO(clip_param=0.2, target_kl=limits[i])
        whole = stage(steps=6 * ROLLOUT, update_repeats=4)
        return pipeline(whole, losses={"ppo": ppo}, adam={"lr": 1e-2})

    together = assert_each_is_itself([plan(i) for i in range(len(SEEDS))], policy=policy)
    updates = updates_by_member(together)
    assert [count for count, limit in zip(updates, limits, strict=True) if not limit] == [48, 48]
    assert len(set(updates)) >= 4


def updates_by_member(made):
    """How many updates each member has had."""
    return [
        int(group.pack.optimizer.updates[group.members.index(member)])
        for member in range(len(made.members))
        for group in made.groups
        if member in group.members
    ]


def test_a_limit_of_the_divergence_that_is_never_reached_changes_nothing():
    with_it, without = (
        advanced(trainer(pipeline(stage(update_repeats=4), losses={"ppo": loss}), seeds=SEEDS[:3]))
        for loss in (PPO(target_kl=1e9), PPO())
    )
    assert torch.equal(with_it.parameters, without.parameters)
    states = [[member.state_dict() for member in made.members] for made in (with_it, without)]
    assert states[0] == states[1]


@pytest.mark.slow
def test_when_stages_have_rollouts_and_minibatches_of_their_own():
    """The pack is parted where members stand in stages of different shapes."""

    def plan(i):
        shapes = (
            {"num_steps": 16},
            {"num_steps": 8 + i % 2, "num_mini_batch": 4},
            {"num_steps": 16},
        )
        return pipeline(*(stage(steps=(3 + i) * ROLLOUT, **shape) for shape in shapes))

    together = assert_each_is_itself([plan(i) for i in range(len(SEEDS))], compared=SOME)
    assert len(together.groups) == len(SEEDS)


def test_when_members_that_parted_by_shape_find_together_again():
    def plan(i):
        first = stage(steps=(1 + i) * ROLLOUT)
        return pipeline(first, stage(steps=ROLLOUT, num_steps=8), stage(steps=(6 - i) * ROLLOUT))

    pipelines = [plan(i) for i in range(4)]
    assert_each_is_itself(pipelines)
    together = trainer(pipelines, seeds=SEEDS[:4])
    groups = []
    while not together.done:
        together.advance()
        groups.append(len(together.groups))
    assert (max(groups), groups[-1]) == (3, 1)


def test_when_members_begin_with_different_shapes():
    assert_each_is_itself(
        [pipeline(stage(steps=5 * ROLLOUT, num_steps=8 + i % 3)) for i in range(len(SEEDS))]
    )


@pytest.mark.parametrize(
    "memory", [pytest.param(None, marks=SLOW), pytest.param("gru", marks=SLOW), "lstm"]
)
@pytest.mark.parametrize("name", NAMES)
def test_with_networks_in_all_kinds_of_stages(name, memory):
    policy = Network(memory, hidden=8, auxiliary=True)
    pipelines = [plans(i)[name] for i in range(len(SEEDS))]
    assert_each_is_itself(pipelines, policy=policy, compared=SOME)


@pytest.mark.parametrize(
    "world", ["PoisonedDoors-v0", pytest.param("MiniGrid-DoorKey-5x5-v0", marks=SLOW)]
)
def test_with_networks_that_read_states_and_views(world):
    policy = Network("lstm", hidden=8, auxiliary=True)
    pipelines = [plans(i)["advisor"] for i in range(len(SEEDS))]
    assert_each_is_itself(pipelines, world, policy=policy, compared=SOME)


NEW = {
    "choices": (Choices, Mlp((5,), "silu", ortho_init=False)),
    "bits": (Bits, Network(hidden=(7, 5), activation="gelu")),
    "squashed": (BoundedTarget, Mlp((5,), "elu", squash_output=True, log_std_init=-1.0)),
    "squashed with deviations of the state": (
        BoundedTarget,
        Network(shared=False, hidden=5, squash_output=True, state_dependent_std=True),
    ),
    "one-hot": (Numbered, Mlp((5,), "gelu")),
    "pictures": (Painted, Network(hidden=5)),
    "separate memories": ("CartPole-v1", Network("gru", hidden=(7, 5), shared=False, actor=(3,))),
}


@pytest.mark.parametrize("name", NEW)
def test_with_policies_of_all_kinds(name):
    world, policy = NEW[name]
    pipelines = [member(i, 3 * 13, rollouts=6, num_steps=13, num_mini_batch=3) for i in range(3)]
    assert_each_is_itself(pipelines, world, lanes=3, policy=policy)


@pytest.mark.slow
def test_whatever_number_of_members_is_updated_at_a_time(monkeypatch):
    whole = advanced(trainer(seven(same_epochs=True), seeds=SEEDS)).parameters
    for width in (1, 3):
        monkeypatch.setattr(
            "segue.train.packs.pack.Pack.width", lambda pack, knobs, width=width: width
        )
        assert torch.equal(
            advanced(trainer(seven(same_epochs=True), seeds=SEEDS)).parameters, whole
        )


def test_a_loss_of_weight_0_changes_nothing():
    with_it, without = (
        advanced(trainer(pipeline(stage(names, loss_weights=weights)))).parameters
        for names, weights in ((["ppo", "a2c"], [1.0, 0.0]), (["ppo"], [1.0]))
    )
    assert torch.equal(with_it, without)
