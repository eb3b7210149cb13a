"""Stages that start from given weights: what is taken, what starts anew, and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from segue.plan.pipelines.weights import Weights
from segue.plan.values.builder import Builder
from segue.plan.world import World
from segue.train import Mlp, Module, Network
from segue.train.checkpoint import newest_first, read_checkpoint, save_checkpoint
from segue.train.stored_weights import StoredMembers, read_weights
from tests.train.support.example_members import SEEDS, ThreeTargets
from tests.train.support.pipelines import LANES, advanced, pipeline, stage, trainer
from tests.train.test_packing import assert_each_is_itself
from tests.train.whole_runs.test_resume import assert_resumes_everywhere
from tests.worlds.probes import Choices

NORMALIZED = World("CartPole-v1", normalize_observation=True, normalize_reward=True)
MLP = Mlp((8,))


def saved(tmp_path, world="CartPole-v1", policy=MLP, seeds=(7, 8)):
    """The checkpoint of members of other seeds, after a stage."""
    made = advanced(trainer(pipeline(), world, seeds, policy=policy))
    path = save_checkpoint(tmp_path / "source", made.env_steps, {"trainer": made.state_dict()})
    made.close()
    return path


def begun(weights, world="CartPole-v1", policy=MLP, seeds=(0,)):
    """A trainer whose first stage has just been given weights, and has not learned yet."""
    frozen = Builder(torch.optim.SGD, {"lr": 0.0})
    plan = pipeline(stage(start_from=weights), optimizer_builder=frozen)
    made = trainer(plan, world, seeds, policy=policy)
    made.advance()
    return made


def named(made):
    return made.groups[0].pack.policy.named(made.parameters)


def test_each_seed_starts_from_a_member_of_its_own_and_the_first_follows_the_last(tmp_path):
    path = saved(tmp_path)
    source = StoredMembers.load(path).parameters
    assert not torch.equal(*source)
    made = begun(Weights(path), seeds=(0, 1, 2))
    assert torch.equal(made.parameters, source[[0, 1, 0]])
    assert torch.equal(begun(Weights(path, member=1), seeds=(0, 1)).parameters, source[[1, 1]])


@pytest.mark.parametrize(
    ("policy", "world", "only", "others"),
    [
        (MLP, ThreeTargets, ("actor.", "log_std"), "critic."),
        (MLP, "CartPole-v1", ("critic.",), "actor."),
        (Network("gru", hidden=8), "CartPole-v1", ("encoder.", "core."), "heads"),
        (Network(hidden=8, shared=False), "CartPole-v1", ("critic.",), "actor."),
    ],
)
def test_parts_are_taken_by_the_beginnings_of_their_names(tmp_path, policy, world, only, others):
    path = saved(tmp_path, world, policy)
    own = named(trainer(pipeline(), world, policy=policy))
    given = read_weights(path)
    found = named(begun(Weights(path, only), world, policy))
    assert any(name.startswith(others) for name in found)
    for name, values in found.items():
        if values.numel():
            source = given if name.startswith(only) else own
            assert torch.equal(values[0], source[name][0]), name


def test_the_names_cover_every_parameter_that_learns(tmp_path):
    for policy in (MLP, Network("lstm", hidden=8)):
        made = advanced(trainer(pipeline(), ThreeTargets, policy=policy), 2)
        covered = sum(values.numel() for values in named(made).values())
        moved = made.parameters != 0
        assert moved.sum() <= covered <= made.parameters.numel()


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.body = nn.Linear(4, width)
        self.heads = nn.Linear(width, 3)

    def forward(self, observation):
        outputs = self.heads(torch.tanh(self.body(observation)))
        return outputs[:, :2], outputs[:, 2]


def make(observation_space, action_space):
    return Net()


def test_a_module_starts_from_a_state_dict_and_returns_one(tmp_path):
    net = Net()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    made = begun(Weights(tmp_path / "net.pt"), policy=Module(make))
    for name, values in net.state_dict().items():
        assert torch.equal(named(made)[name][0], values)
    path = save_checkpoint(tmp_path, made.env_steps, {"trainer": made.acting_state()})
    other = Net()
    other.load_state_dict({name: each[0] for name, each in read_weights(path).items()})
    assert torch.equal(other.body.weight, net.body.weight)


def test_a_later_stage_starts_anew_with_optimizer_episodes_and_statistics(tmp_path):
    path = saved(tmp_path, NORMALIZED)
    plan = pipeline(stage(), stage(start_from=Weights(path)), metric_accumulate_interval=64)
    made = advanced(trainer(plan, NORMALIZED, (0, 1), policy=MLP), 3)
    (group,) = made.groups
    before = group.pack.optimizer.updates.copy()
    source = StoredMembers.load(path)
    made.advance()
    (group,) = made.groups
    assert (before == 12).all() and (group.pack.optimizer.updates == 4).all()
    moments = group.pack.normalizer.observation.moments
    assert np.allclose(moments.count, source.statistics.count + LANES * 16)
    # The first observations of the new episodes were normalised by the statistics that were given.
    first = group.pack.rollout.observation[:, 0]
    assert np.abs(first * source.statistics.deviation()[:, None]).max() < 0.5
    assert group.pack.running.steps.max() <= 16


@pytest.mark.parametrize(
    ("world", "policy"),
    [(NORMALIZED, MLP), (Choices, Network("gru", hidden=8))],
    ids=["normalised", "MultiDiscrete"],
)
def test_a_member_of_a_pack_is_itself_and_a_resumed_one_continues(tmp_path, world, policy):
    weights = Weights(saved(tmp_path, world, policy), member=1)
    plan = pipeline(stage(start_from=weights), stage("a2c", start_from=weights), save_interval=0)
    assert_each_is_itself([plan] * 2, world, policy=policy)
    assert_resumes_everywhere(tmp_path, plan, world, SEEDS[:2], policy)


def test_weights_that_do_not_fit_are_refused_before_anything_starts(tmp_path):
    path = saved(tmp_path)
    whole = Weights(path)
    torch.save(Net().state_dict() | {"mean": torch.zeros(4)}, tmp_path / "buffer.pt")
    refused = {
        r"whose parameter 'actor.layer0' has the shape \[4, 8\], but the policy's has \[4, 9\]": (
            whole,
            Mlp((9,)),
            "CartPole-v1",
        ),
        "which lacks the policy's parameter 'encoder": (whole, Network(hidden=8), "CartPole-v1"),
        "which has a parameter 'mean' that the policy lacks": (
            Weights(tmp_path / "buffer.pt"),
            Module(make),
            "CartPole-v1",
        ),
        "no parameter of the policy begins with 'body': it has actor.layer0, ": (
            Weights(path, only=["body"]),
            MLP,
            "CartPole-v1",
        ),
        "which has 2 members: they are counted from 0": (
            Weights(path, member=2),
            MLP,
            "CartPole-v1",
        ),
        "observations that are not normalised: give the world normalize_observation=False": (
            whole,
            MLP,
            NORMALIZED,
        ),
    }
    for message, (weights, policy, world) in refused.items():
        plan = pipeline(stage(), stage(start_from=weights))
        with pytest.raises(ValueError, match=f"^Stage 1 starts from Weights.*{message}") as error:
            trainer(plan, world, policy=policy)
        assert "\n" not in str(error.value)


def test_files_that_hold_no_weights_are_refused_in_a_sentence(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "other.pt")
    torch.save({}, tmp_path / "empty.pt")
    (tmp_path / "text.pt").write_text("weights")
    checkpoint = read_checkpoint(saved(tmp_path))
    del checkpoint["trainer"]["layout"]
    torch.save(checkpoint, tmp_path / "half.pt")
    for name in ("other", "empty", "text", "half"):
        path = tmp_path / f"{name}.pt"
        with pytest.raises(ValueError, match=f"{name}.pt") as error:
            trainer(pipeline(stage(start_from=Weights(path))), policy=MLP)
        assert "\n" not in str(error.value)


def test_a_file_that_changes_during_a_sweep_is_refused(tmp_path):
    path = saved(tmp_path, seeds=(11,))
    weights = Weights(path)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match="has changed since the trial was defined"):
        trainer(pipeline(stage(start_from=weights)), policy=MLP)
    assert newest_first(path.parent) == [path]
