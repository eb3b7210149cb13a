"""Which groups the members of a trial form, and which group advances next."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.members.member import Member
from segue.train.packs.seats import Group, divide_group, merge_groups
from segue.train.rollouts.normalization import ObservationScale

T = TypeVar("T")


def parameters_of(groups: Sequence[Group]) -> Tensor:
    """Return the parameters of the members of all groups, `[K, P]`, in the members' order."""
    rows = torch.cat([group.parameters for group in groups])
    return rows[torch.from_numpy(rows_of(groups))]


def rows_of(groups: Sequence[Group]) -> NDArray[np.int64]:
    """Return the row of each member, `[K]`, where the groups' rows follow one another."""
    return np.argsort([member for group in groups for member in group.members])


def scale_of(groups: Sequence[Group]) -> ObservationScale | None:
    """Return the statistics of all members' observations, in their order; None without any."""
    parts = [(group.pack.normalizer.observation, group.rows) for group in groups]
    scales = [part.scale.select(rows) for part, rows in parts if part is not None]
    if not scales:
        return None
    return ObservationScale.together(scales).select(rows_of(groups).tolist())


def furthest_behind(groups: Sequence[Group], members: Sequence[Member]) -> Group:
    """Return the group with the fewest environment steps of those that are not done."""

    def steps(group: Group) -> int:
        return min(members[member].progress.total_steps for member in group.members)

    unfinished = [
        group for group in groups if not all(members[member].done for member in group.members)
    ]
    return min(unfinished, key=steps)


def regrouped(groups: Sequence[Group], members: Sequence[Member]) -> list[Group]:
    """Return groups whose members' next rollouts have one shape; members that are done are apart.

    Groups that once parted are merged where their next rollouts have one shape again, and begin at
    the same step: what is reported then does not change.
    """

    def shape(member: int) -> Hashable:
        return None if members[member].done else members[member].knobs.shape

    def next_rollout(group: Group) -> Hashable:
        first = members[group.members[0]]
        if first.done:
            return group
        needs_expert = any(members[member].knobs.needs_expert for member in group.members)
        return first.knobs.shape, first.progress.total_steps, needs_expert

    found: list[Group] = []
    for group in groups:
        parts = partition(group.members, shape)
        found += [group] if len(parts) == 1 else divide_group(group, parts)
    if len(found) == 1:
        return found
    alike = partition(found, next_rollout)
    return [each[0] if len(each) == 1 else merge_groups(each) for each in alike]


def partition(items: Sequence[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Return the items with equal keys together, in the order of their first."""
    parts: dict[Hashable, list[T]] = {}
    for item in items:
        parts.setdefault(key(item), []).append(item)
    return list(parts.values())
