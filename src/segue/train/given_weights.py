"""Stages that start from given weights: whether these fit, and giving them to the members."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import torch

from segue.base.text import plural
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.weights import Weights
from segue.train.members.member import Member
from segue.train.packs.seats import Group
from segue.train.policies import ActorCritic
from segue.train.policies.flat import OF_HEAD
from segue.train.stored_weights import StoredWeights
from segue.worlds.registry import WorldSpec

_LISTED = 6
_REMEDY = "choose the policy that it is of, or name with only=(...) the parameters to take."


def check_given_weights(pipeline: TrainingPipeline, policy: ActorCritic, world: WorldSpec) -> None:
    """Raise ValueError, in one sentence, for weights of a stage that do not fit the policy.

    They do not fit either if they belong to normalised observations and the world's are not, or
    the other way round.
    """
    for index, stage in enumerate(pipeline):
        if stage.start_from is not None:
            problem = next(_problems(stage.start_from, policy, world), None)
            if problem:
                raise ValueError(f"Stage {index} starts from {stage.start_from!r}, {problem}")


def give_weights(group: Group, members: Sequence[Member]) -> None:
    """Give the members of a group whose stages start from given weights these weights."""
    starting: dict[Weights, list[int]] = {}
    for index in group.members:
        weights = members[index].starts_from
        if weights is not None:
            starting.setdefault(weights, []).append(index)
    for weights, indices in starting.items():
        stored = _stored(weights)
        sources = [weights.member_for(index, stored.members) for index in indices]
        rows = [group.rows[group.members.index(index)] for index in indices]
        group.pack.start_from(rows, _taken(weights, stored).select(sources))


@lru_cache(maxsize=4)  # the same ones at each corner of a space
def _stored(weights: Weights) -> StoredWeights:
    return StoredWeights.parse(Path(weights.path), weights.content())


def _taken(weights: Weights, stored: StoredWeights) -> StoredWeights:
    named = {name: values for name, values in stored.named.items() if weights.takes(name)}
    return StoredWeights(named, stored.statistics, stored.is_whole)


def _problems(weights: Weights, policy: ActorCritic, world: WorldSpec) -> Iterator[str]:
    """Yield what is wrong with weights, as the end of a sentence."""
    stored = _stored(weights)
    wanted = policy.named(torch.empty(1, policy.parameters))
    shapes = {name: tuple(view.shape[1:]) for name, view in wanted.items() if view.numel()}
    if not stored.members:
        yield "which holds no weights."
    for prefix in weights.only:
        if not any(name.startswith(prefix) for name in shapes):
            yield f"but no parameter of the policy begins with {prefix!r}: it has {_list(shapes)}."
    for name, shape in shapes.items():
        if weights.takes(name) and (stored.is_whole or name != OF_HEAD):
            yield from _misfits(name, shape, stored)
    for name in stored.named:
        if name not in shapes and not weights.only:
            yield f"which has a parameter {name!r} that the policy lacks: {_REMEDY}"
    if weights.member is not None and weights.member >= stored.members:
        yield f"which has {plural(stored.members, 'member')}: they are counted from 0."
    yield from _problems_of_statistics(stored, world)


def _misfits(name: str, shape: tuple[int, ...], stored: StoredWeights) -> Iterator[str]:
    if name not in stored.named:
        yield (f"which lacks the policy's parameter {name!r} of the shape {list(shape)}: {_REMEDY}")
        return
    found = tuple(stored.named[name].shape[1:])
    if found != shape:
        yield (
            f"whose parameter {name!r} has the shape {list(found)}, but the policy's has"
            f" {list(shape)}: {_REMEDY}"
        )


def _problems_of_statistics(stored: StoredWeights, world: WorldSpec) -> Iterator[str]:
    if not stored.is_whole:
        return
    has_statistics = stored.statistics is not None
    if has_statistics != world.normalizes_observation:
        yield (
            f"which belongs to observations that are {'' if has_statistics else 'not '}normalised:"
            f" give the world normalize_observation={has_statistics}."
        )
    numbers = math.prod(world.single_observation_space.shape or ())
    if stored.statistics is not None and stored.statistics.mean.shape[1] != numbers:
        yield (
            f"whose observations have {stored.statistics.mean.shape[1]} numbers, but those of the"
            f" world have {numbers}."
        )


def _list(names: Iterable[str]) -> str:
    listed = list(names)
    more = "" if len(listed) <= _LISTED else f" and {len(listed) - _LISTED} more"
    return ", ".join(listed[:_LISTED]) + more
