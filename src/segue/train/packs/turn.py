"""One iteration of groups that share a pack: a rollout and its updates."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from segue.train.members.knobs import Knobs
from segue.train.members.member import Member, teacher_ratios, track
from segue.train.packs.interval import IterationResult, MemberInterval, completed
from segue.train.packs.seats import Group, seat_together


@dataclass
class Turn:
    """The next iteration of a group; `members` are its members, in their order."""

    group: Group
    members: Sequence[Member]
    knobs: list[Knobs] = field(init=False)
    rows: range = field(init=False)  # of the group, when the iteration began

    def __post_init__(self) -> None:
        self.knobs = [member.knobs for member in self.members]

    @property
    def structure(self) -> Hashable:
        """What groups of one kind of trial must have in common to take a turn in one pack.

        An expert that acts at random draws whenever it is consulted, so that those that need none
        are not seated beside those that do.
        """
        needs_expert = any(own.needs_expert for own in self.knobs)
        return self.knobs[0].shape, tuple(self.group.pack.optimizer.slots), needs_expert

    def count(self, result: IterationResult) -> list[MemberInterval]:
        """Count the iteration for each member, and return the intervals that it completes."""
        logged = []
        lanes = self.group.pack.lanes
        for index, member, row, knobs in zip(
            self.group.members, self.members, self.rows, self.knobs, strict=True
        ):
            track(member, row, lanes, result.ended, result.metrics)
            member.teacher.add_scalars(teacher_ratios(knobs, result.teacher_ratio[row]))
            learned = result.learned[row]
            interval = completed(index, member, knobs, knobs.num_steps * lanes, learned)
            if interval is not None:
                logged.append(interval)
            if learned.failure:
                member.fail(learned.failure)
        return logged


def iterate(turns: Sequence[Turn]) -> IterationResult:
    """Seat groups of one structure in one pack, and let it iterate."""
    place = seat_together([turn.group for turn in turns])
    by_group = {turn.group: turn for turn in turns}
    seated = [by_group[group] for group in place.groups]
    for turn in seated:
        turn.rows = turn.group.rows
    members = [member for turn in seated for member in turn.members]
    restarting = [row for row, member in enumerate(members) if member.must_restart]
    if restarting:
        place.pack.restart(restarting)
    return place.pack.iterate(
        [knobs for turn in seated for knobs in turn.knobs],
        [member.batches() for member in members],
        [member.will_log for member in members],
    )
