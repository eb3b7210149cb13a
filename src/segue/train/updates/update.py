"""Learning: the epochs of members over their rollouts, and their updates from other data.

Members that run the same operations are updated together. A member whose epochs end early leaves
its chunk, and the others continue without it.

Shapes: K members, k members of a chunk, U updates, N numbers of an update, P parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segue.train.data.batch import Batch, DataBatch
from segue.train.data.component_data import Data, signature, stacked_batches
from segue.train.members.knobs import Knobs
from segue.train.optimizers import OptimizerState
from segue.train.policies import ActorCritic
from segue.train.updates.chunk import Phase, update_chunk
from segue.train.updates.diagnostics import EXPLAINED_VARIANCE, explained_variance
from segue.train.updates.experience import Experience
from segue.train.updates.history import History, UpdateResult
from segue.train.updates.minibatches import Generators, minibatches

Batches = Callable[[list[int], int], Iterable[Batch | DataBatch]]
"""(places in the chunk, updates done) -> the minibatches of the next updates of these members."""


@dataclass
class Learner:
    """The parts that all phases of a pack's learning share."""

    policy: ActorCritic
    parameters: Tensor  # [K, P], updated in place
    optimizer: OptimizerState
    width: int  # members that are updated at a time
    logged: Sequence[bool]  # whether a member's losses and diagnostics are needed

    def from_rollout(
        self, experience: Experience, knobs: Sequence[Knobs], generators: Generators
    ) -> list[UpdateResult]:
        """Run every member's epochs over its rollout."""
        learned = [UpdateResult() for _ in knobs]
        for members in chunks([row.program for row in knobs], self.width):
            rows = [knobs[member] for member in members]
            if rows[0].updates and rows[0].losses:
                index = minibatches(
                    [generators[member] for member in members], members, experience, rows[0]
                )
                phase = Phase(
                    rows,
                    [row.losses for row in rows],
                    rows[0].updates,
                    rows[0].num_mini_batch,
                    any(self.logged[member] for member in members),
                )
                results = self._learn(phase, members, partial(remaining, experience, index))
                for member, result in zip(members, results, strict=True):
                    learned[member] = result
        self._explain(experience, learned)
        return learned

    def from_data(self, knobs: Sequence[Knobs], data: Sequence[list[Data]]) -> list[UpdateResult]:
        """Update the members whose stage has an off-policy component.

        `data` lists the batches of each member.
        """
        learned = [UpdateResult() for _ in knobs]
        having = [member for member, batches in enumerate(data) if batches]
        programs = [
            (knobs[member].off_policy_program, signature(data[member][0])) for member in having
        ]
        for places in chunks(programs, self.width):
            members = [having[place] for place in places]
            rows = [knobs[member] for member in members]
            parts = [row.off_policy for row in rows if row.off_policy is not None]
            updates = parts[0].updates
            logged = any(self.logged[member] for member in members)
            phase = Phase(rows, [part.losses for part in parts], updates, updates, logged)
            device = str(self.parameters.device)
            batches = stacked_batches(
                [data[member] for member in members], self.policy.memory, device
            )
            results = self._learn(phase, members, partial(everything, batches))
            for member, result in zip(members, results, strict=True):
                learned[member] = result
        return learned

    def _explain(self, experience: Experience, learned: list[UpdateResult]) -> None:
        """Add the explained variance of the rollout to the members that log diagnostics."""
        if any(result.diagnostics for result in learned):
            explained = explained_variance(experience.value, experience.value_target).tolist()
            for result, number in zip(learned, explained, strict=True):
                if result.diagnostics and np.isfinite(number):
                    result.diagnostics[EXPLAINED_VARIANCE] = number

    def _learn(self, phase: Phase, members: list[int], batches: Batches) -> list[UpdateResult]:
        """Run one phase of these members, in place, and return the result of each."""
        history = History(phase, self.optimizer.updates[members])
        going = list(range(len(members)))
        done = 0
        while going and done < phase.updates:
            chosen = [members[place] for place in going]
            rows = self.optimizer.take(chosen, self.parameters)
            with np.errstate(all="ignore"):  # what is not finite marks its member, in the history
                updated = update_chunk(
                    self.policy, rows, phase.rest(going, done), batches(going, done)
                )
            self.optimizer.put_back(chosen, rows, self.parameters, updated.updates)
            finite = rows.parameters.detach().isfinite().all(1).tolist()
            history.add(going, done, updated, finite)
            going = [place for place, end in zip(going, updated.ended, strict=True) if not end]
            done += updated.updates
        return history.results()


def remaining(
    experience: Experience, index: NDArray[np.int64], places: list[int], done: int
) -> Iterator[Batch]:
    """Yield the minibatches of these members after the first `done`.

    `index` has the rows of all members' minibatches, `[E, M, k, mb]`.
    """
    epoch, first = divmod(done, index.shape[1])
    for order in index[epoch:]:
        rest = order[first:]
        yield from experience.batches(
            rest if len(places) == index.shape[2] else np.ascontiguousarray(rest[:, places])
        )
        first = 0


def everything(batches: Iterable[DataBatch], places: list[int], done: int) -> Iterable[DataBatch]:
    """Return all batches of recorded data: these updates never end early."""
    return batches


def chunks(programs: Sequence[Hashable], width: int) -> Iterator[list[int]]:
    """Return groups of members with the same program, at most `width` at a time.

    No member of a group is masked, and a group fits in the cache.
    """
    groups: dict[Hashable, list[int]] = {}
    for member, program in enumerate(programs):
        groups.setdefault(program, []).append(member)
    for group in groups.values():
        for start in range(0, len(group), width):
            yield group[start : start + width]
