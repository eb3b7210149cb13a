"""Who sits where: groups of members in the rows of packs.

A group has a pack for itself, or shares one with groups of other trials. Nothing that a member
computes depends on who its neighbours are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from segue.train.packs.pack import Pack
from segue.train.packs.pack_state import acting_state_of, load_state, state_of


@dataclass(eq=False)
class SharedPack:
    """A pack, and the groups whose members its rows hold, one after another."""

    pack: Pack
    groups: list[Group]


@dataclass(eq=False)
class Group:
    """Members of one trial that advance together, and the place at which they sit."""

    members: list[int]
    place: SharedPack = field(init=False, repr=False)
    first: int = field(init=False, default=0)

    @classmethod
    def alone(cls, members: list[int], pack: Pack) -> Group:
        """Return a group that has a pack for itself."""
        group = cls(members)
        seat(pack, [group])
        return group

    @property
    def pack(self) -> Pack:
        """The pack in which the members sit."""
        return self.place.pack

    @property
    def rows(self) -> range:
        """The pack's rows that hold the members, in their order."""
        return range(self.first, self.first + len(self.members))

    @property
    def parameters(self) -> Tensor:
        """The members' parameters, `[k, P]`."""
        return self.pack.parameters[self.first : self.rows.stop]

    def state_dict(self) -> dict[str, Any]:
        """Return the members, and copies of all that their next iteration depends on."""
        return {"members": self.members, "pack": state_of(self.pack, self.rows)}

    def acting_state(self) -> dict[str, Any]:
        """Return the members, and what they act with."""
        return {"members": self.members, "pack": acting_state_of(self.pack, self.rows)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of as many members, in a pack that no other group shares."""
        load_state(self.pack, state["pack"])


def seat(pack: Pack, groups: Sequence[Group]) -> SharedPack:
    """Seat groups in the rows of a pack, one after another; where they sat before is left."""
    place = SharedPack(pack, list(groups))
    first = 0
    for group in groups:
        group.place = place
        group.first = first
        first += len(group.members)
    return place


def seat_together(groups: Sequence[Group]) -> SharedPack:
    """Let these groups, and no others, share one pack, and return it.

    Their order in the pack may be another one. Groups that sat beside them stay together.
    """
    wanted = set(groups)
    places = list(dict.fromkeys(group.place for group in groups))
    if len(places) == 1 and len(places[0].groups) == len(wanted):
        return places[0]
    packs = []
    seated = []
    for place in places:
        some = [group for group in place.groups if group in wanted]
        others = [group for group in place.groups if group not in wanted]
        packs.append(place.pack.select(_rows(some)) if others else place.pack)
        if others:
            seat(place.pack.select(_rows(others)), others)
        seated += some
    return seat(Pack.joined(packs), seated)


def divide_group(group: Group, parts: Sequence[list[int]]) -> list[Group]:
    """Return groups for parts of a group's members, each in a pack of its own."""
    pack = seat_together([group]).pack
    return [
        Group.alone(part, pack.select([group.members.index(member) for member in part]))
        for part in parts
    ]


def merge_groups(groups: Sequence[Group]) -> Group:
    """Return one group of the members of all these."""
    place = seat_together(groups)
    return Group.alone([member for group in place.groups for member in group.members], place.pack)


def _rows(groups: Sequence[Group]) -> list[int]:
    """Return the rows of the pack that these groups share."""
    return [row for group in groups for row in group.rows]
