"""Demonstrations as batches: nothing is lost, shown twice or read by someone else."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.values.builder import Builder
from segue.train import BehaviorCloning, Demonstrations, Network, check_trial, member_keywords
from segue.train.data.component_data import DataStream
from segue.worlds import world_spec
from segue.worlds.demonstrations import Recording, record_episodes, write_recording
from tests.train.support.pipelines import ROLLOUT, advanced, pipeline, stage, trainer

LENGTHS = (3, 7, 1, 12, 5, 4, 9, 2)


@pytest.fixture
def path(tmp_path):
    """Eight episodes whose observations are the number of the step in the file."""
    steps = sum(LENGTHS)
    begins = np.zeros(steps, bool)
    begins[np.cumsum((0, *LENGTHS[:-1]))] = True
    numbered = np.arange(steps, dtype=np.float32)
    made = Recording(
        numbered[:, None], numbered.astype(np.int64) % 2, numbered, begins, {"world": "ours"}
    )
    write_recording(tmp_path / "ours.npz", made)
    return tmp_path / "ours.npz"


def shown(batches):
    """The steps in the order in which each lane shows them, `[n, steps]`."""
    return np.concatenate([batch["observation"][..., 0] for batch in batches]).T.astype(int)


def test_a_pass_shows_every_step_once_in_episodes_that_are_whole(path):
    reader = Demonstrations(path, lanes=2, steps=1)
    seen = shown([next(reader) for _ in range(300)])
    firsts = set(np.cumsum((0, *LENGTHS[:-1])).tolist())
    for lane in seen.tolist():
        assert all(follows == step + 1 or follows in firsts for step, follows in pairwise(lane))
    counts = np.bincount(seen.reshape(-1), minlength=sum(LENGTHS))
    assert counts.max() - counts.min() <= 2  # in 14 passes


def test_windows_continue_where_the_last_one_ended_and_mark_where_episodes_begin(path):
    short = Demonstrations(path, lanes=3, steps=2)
    long = Demonstrations(path, lanes=3, steps=6)
    together = [next(long) for _ in range(4)]
    apart = [next(short) for _ in range(12)]
    np.testing.assert_array_equal(shown(apart), shown(together))
    for batch in together:
        starts = np.isin(batch["observation"][..., 0], np.cumsum((0, *LENGTHS[:-1])))
        np.testing.assert_array_equal(batch["begins"], starts)
        np.testing.assert_array_equal(batch["action"], batch["observation"][..., 0] % 2)


def test_members_read_in_orders_of_their_own(path):
    first, second = (
        shown([next(Demonstrations(path, 2, 20, **member_keywords(0, [4], seed)))])
        for seed in (0, 1)
    )
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("point", range(0, 30, 7))
def test_it_continues_from_its_state(path, point):
    reader = Demonstrations(path, 2, 3, seed=5)
    other = Demonstrations(path, 2, 3, seed=6)
    for _ in range(point):
        next(reader)
    other.load_state_dict(reader.state_dict())
    np.testing.assert_array_equal(
        shown([next(reader) for _ in range(20)]), shown([next(other) for _ in range(20)])
    )


def test_a_file_that_changed_is_refused_when_it_is_continued(path):
    state = Demonstrations(path, 2, 3).state_dict()
    state["digest"] = "another"
    with pytest.raises(ValueError, match="has changed since the run started"):
        Demonstrations(path, 2, 3).load_state_dict(state)


def test_more_lanes_than_episodes_are_refused(path):
    with pytest.raises(ValueError, match="has 8 episodes, too few for 9 lanes"):
        Demonstrations(path, lanes=9)


@pytest.fixture(scope="module")
def doorkey(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "doorkey.npz"
    write_recording(path, record_episodes("MiniGrid-DoorKey-5x5-v0", 200, 0))
    return path


def cloning(path, updates=4, **changes):
    component = OffPolicyPipelineComponent(
        Builder(Demonstrations, {"path": path, "lanes": 8, "steps": 16}),
        ["cloning"],
        updates,
        None,
        member_keywords,
    )
    only = stage([], steps=2_560, update_repeats=None, offpolicy_component=component)
    return pipeline(only, losses={"cloning": BehaviorCloning()}, adam={"lr": 3e-3}, **changes)


@pytest.mark.parametrize("memory", [None, pytest.param("gru", marks=pytest.mark.slow)])
def test_cloning_from_a_file_learns_what_the_expert_does(doorkey, memory):
    plan = cloning(doorkey, metric_accumulate_interval=ROLLOUT)
    made = trainer(plan, "MiniGrid-DoorKey-5x5-v0", seeds=[0, 1], policy=Network(memory, hidden=32))
    logged = []
    while not made.done:
        logged += made.advance().logged
    said = [one.losses["cloning"]["cross_entropy"] for one in logged if one.member == 1]
    assert said[0] > 1.5 and said[-1] < 0.7
    assert {frozenset(one.diagnostics) for one in logged} == {frozenset({"grad_norm"})}
    parameters = made.parameters
    assert not torch.equal(parameters[0], parameters[1])


def test_data_that_do_not_fit_are_refused_before_anything_starts(doorkey, path, tmp_path):
    spec = world_spec("MiniGrid-DoorKey-5x5-v0")
    check_trial(cloning(doorkey), spec, 4, Network())
    for file, world, sentence in (
        (path, spec, r"stage 0 gives observations of shape \(1,\).*have 147 numbers each"),
        (
            doorkey,
            world_spec("CartPole-v1"),
            r"observations of shape \(7, 7, 3\).*have 4 numbers each",
        ),
        (tmp_path / "none.npz", spec, "stage 0 gives no data: There is no demonstration file"),
    ):
        with pytest.raises(ValueError, match=sentence) as refused:
            check_trial(cloning(file), world, 4, Network())
        assert str(refused.value).count("\n") == 0


def component(batches, **changes):
    return OffPolicyPipelineComponent(lambda: iter(batches), ["cloning"], 1, **changes)


@pytest.mark.parametrize(
    ("batch", "policy", "sentence"),
    [
        ({"observation": np.zeros((5, 4)), "action": np.full(5, 2)}, None, "actions from 2 to 2"),
        ({"observation": np.zeros((5, 4)), "action": np.zeros(5)}, None, r"\(float64\)"),
        (
            {"observation": np.zeros((5, 4)), "action": np.zeros(4, int)},
            None,
            "gives observations of shape",
        ),
        (
            {"observation": np.zeros((5, 4)), "action": np.zeros(5, int)},
            Network("gru"),
            "do not follow one another",
        ),
        ({"observation": np.zeros((5, 4))}, None, "this one gave"),
        ([1, 2], None, "this one gave list"),
    ],
)
def test_batches_that_do_not_fit_are_refused(batch, policy, sentence):
    made = pipeline(
        stage(offpolicy_component=component([batch])),
        losses={"ppo": pipeline().loss("ppo"), "cloning": BehaviorCloning()},
    )
    with pytest.raises(ValueError, match=sentence):
        check_trial(made, world_spec("CartPole-v1"), 4, policy)


def test_an_iterator_that_ends_begins_again_and_one_that_is_empty_is_refused():
    batches = [{"observation": np.full((1, 1), i), "action": np.zeros(1, int)} for i in range(3)]
    stream = DataStream(component(batches), 4, 0)
    assert [batch["observation"].item() for batch in stream.take(7)] == [0, 1, 2, 0, 1, 2, 0]
    other = DataStream(component(batches), 4, 0)
    other.load_state_dict(stream.state_dict())
    assert other.take(1)[0]["observation"].item() == 1
    with pytest.raises(ValueError, match="gave no batches: give it data"):
        DataStream(component([]), 4, 0).take(1)


def test_batches_of_different_shapes_are_refused():
    batches = [{"observation": np.zeros((n, 1)), "action": np.zeros(n, int)} for n in (1, 2)]
    with pytest.raises(ValueError, match="batches of different shapes"):
        DataStream(component(batches), 4, 0).take(2)


def test_a_component_s_iterator_ends_with_its_stage_and_keywords_are_generated():
    heard = []
    closed = []

    def build(**keywords):
        heard.append(keywords)
        try:
            while True:
                yield {"observation": np.zeros((5, 4)), "action": np.zeros(5, int)}
        finally:
            closed.append(keywords["worker"])

    def keywords(cur_worker, rollouts_per_worker, seed):
        return {"worker": cur_worker, "rollouts": rollouts_per_worker, "seed": seed}

    part = OffPolicyPipelineComponent(
        build, ["cloning"], 1, data_iterator_kwargs_generator=keywords
    )
    losses = {"ppo": pipeline().loss("ppo"), "cloning": BehaviorCloning()}
    made = trainer(
        pipeline(stage(steps=64, offpolicy_component=part), stage(steps=64), losses=losses),
        seeds=[7],
    )
    before = len(closed)
    (logged,) = made.advance().logged
    assert heard[-1] == {"worker": 0, "rollouts": [4], "seed": 7}
    assert set(logged.losses) == {"ppo", "cloning"}
    assert {"grad_norm", "approx_kl", "explained_variance"} <= logged.diagnostics.keys()
    assert len(closed) == before + 1 and made.members[0].data is None
    assert torch.isfinite(advanced(made).parameters).all()
