"""Which members of a trial form a pack, and which pack advances next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segue.train.members.member import Member
from segue.train.packs.pack import Pack
from segue.train.rollouts.normalization import ObservationScale


@dataclass
class Group:
    """A pack, and the indices of the members that its rows hold."""

    members: list[int]
    pack: Pack


def rows_of(groups: Sequence[Group]) -> NDArray[np.int64]:
    """Return the row of each member, `[K]`, where the packs' rows follow one another."""
    return np.argsort([member for group in groups for member in group.members])


def scale_of(groups: Sequence[Group]) -> ObservationScale | None:
    """Return the statistics of all members' observations, in their order; None without any."""
    parts = [group.pack.normalizer.observation for group in groups]
    scales = [part.scale for part in parts if part is not None]
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


def part(groups: Sequence[Group], members: list[int]) -> Group:
    """Return a group of its own for some members of one of the groups."""
    whole = next(group for group in groups if set(members) <= set(group.members))
    return Group(members, whole.pack.select([whole.members.index(member) for member in members]))


def partition(members: Sequence[int], key: Callable[[int], object]) -> list[list[int]]:
    """Return the members with equal keys together, in the order of their first."""
    parts: dict[object, list[int]] = {}
    for member in members:
        parts.setdefault(key(member), []).append(member)
    return list(parts.values())
