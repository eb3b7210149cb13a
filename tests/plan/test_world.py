"""Worlds as values: equality, text, and the sentences for what no world can have."""

import pickle
from functools import partial

import pytest

from segue.plan.values.describe import describe, fingerprint
from segue.plan.world import World


def wrap(environment):
    return environment


def test_equal_arguments_make_equal_worlds() -> None:
    world = World("Ant-v5", kwargs={"ctrl_cost_weight": 0.1}, wrappers=[wrap], metrics=["success"])
    same = World("Ant-v5", kwargs={"ctrl_cost_weight": 0.1}, wrappers=(wrap,), metrics=("success",))
    assert world == same and hash(world) == hash(same) and fingerprint(world) == fingerprint(same)
    assert pickle.loads(pickle.dumps(world)) == world


@pytest.mark.parametrize(
    "changes",
    [
        {"kwargs": {"ctrl_cost_weight": 0.1}},
        {"wrappers": [wrap]},
        {"wrappers": [partial(wrap, 5)]},
        {"metrics": ["success"]},
        {"max_episode_steps": 5},
        {"frame_stack": 2},
        {"reward_scale": 0.1},
        {"normalize_observation": True},
        {"normalize_reward": True},
        {"clip_observation": 5.0},
        {"clip_reward": 5.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_argument_counts(changes) -> None:
    changed = World("Ant-v5", **changes)
    assert changed != World("Ant-v5") and describe(changed) != describe(World("Ant-v5"))
    (name,) = changes
    assert repr(changed).startswith(f"World('Ant-v5', {name}=") and "0x" not in repr(changed)


def test_a_world_shows_what_is_given() -> None:
    assert repr(World("Ant-v5")) == "World('Ant-v5')"
    world = World(wrap, normalize_observation=True, wrappers=[wrap], metrics=["success"])
    assert world.name == "wrap" and repr(world).startswith("World(wrap, wrappers=[wrap], ")
    assert world.given() == ["wrappers=[wrap]", "metrics=['success']", "normalize_observation=True"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"id": 5}, "id of a World must be a name or a function .*, got 5"),
        ({"kwargs": ["a"]}, "kwargs of a World must be a dictionary with string keys"),
        ({"kwargs": {"max_episode_steps": 5}}, "max_episode_steps: give it to the World itself"),
        ({"wrappers": wrap}, "wrappers of a World must be a list of functions"),
        ({"metrics": "success"}, r"write \['success'\]"),
        ({"max_episode_steps": 0}, "max_episode_steps of a World must be at least 1, got 0"),
        ({"frame_stack": 0}, "frame_stack of a World must be at least 1, got 0"),
        ({"reward_scale": 0}, "reward_scale of a World must be above 0"),
        ({"reward_scale": float("inf")}, "reward_scale of a World must be finite"),
        ({"clip_reward": -1.0}, "clip_reward of a World must be above 0"),
        ({"normalize_reward": 1}, "normalize_reward of a World must be True or False, got 1"),
    ],
)
def test_what_no_world_can_have_is_refused_in_one_sentence(arguments, message) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        World(**{"id": "Ant-v5", **arguments})
    assert "\n" not in str(refusal.value)
