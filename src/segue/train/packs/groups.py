"""Which members of a trial form a pack, and which pack advances next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segue.train.members.member import Member
from segue.train.packs.pack import Pack


@dataclass
class Group:
    """A pack, and the indices of the members that its rows hold."""

    members: list[int]
    pack: Pack


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
