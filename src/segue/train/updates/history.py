"""The numbers of all updates of a learning phase, and what a member's log shows of them.

Shapes: k members of a chunk, U updates of the phase, N numbers of an update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segue.train.losses import Loss
from segue.train.members.knobs import ActiveLoss
from segue.train.updates.chunk import VALUE, ChunkUpdates, Phase
from segue.train.updates.diagnostics import APPROX_KL, GRAD_NORM, POLICY_LOSS

LossInfo = dict[str, dict[str, float]]


@dataclass
class UpdateResult:
    """The result of a learning phase for one member."""

    losses: LossInfo = field(default_factory=dict)  # of the last epoch, by loss
    diagnostics: dict[str, float] = field(default_factory=dict)
    failure: str | None = None  # the first update and loss that were not finite

    def and_then(self, other: UpdateResult) -> UpdateResult:
        """Return the result of this phase followed by another one.

        The diagnostics of this phase, which learns from the rollout, take precedence.
        """
        return UpdateResult(
            {**self.losses, **other.losses},
            {**other.diagnostics, **self.diagnostics},
            self.failure or other.failure,
        )


class History:
    """The numbers of a chunk's updates; members whose epochs ended early have fewer of them.

    Arguments:
        phase: The updates of the whole chunk.
        before: Updates of each member before the phase, `[k]`.
    """

    def __init__(self, phase: Phase, before: NDArray[np.int64]) -> None:
        members = len(phase.rows)
        self._phase = phase
        self._before = before
        self._names: list[tuple[str, str]] = []
        self._diagnostics: tuple[str, ...] = ()
        self._numbers = np.zeros((members, 0, phase.updates))  # [k, N, U]
        self._grad_norms = np.zeros((members, phase.updates))
        self._minibatches = np.zeros(members, np.int64)
        self._updates = np.zeros(members, np.int64)
        self._finite = np.ones(members, np.bool_)

    def add(
        self, places: Sequence[int], done: int, chunk: ChunkUpdates, finite: Sequence[bool]
    ) -> None:
        """Add updates that follow the first `done`, of the members at `places`.

        `finite` states whether their parameters are finite.
        """
        count = chunk.numbers.shape[1]
        if not done:
            self._names = chunk.names
            self._diagnostics = chunk.diagnostics
            self._numbers = np.zeros((len(places), len(chunk.numbers), self._phase.updates))
        self._numbers[places, :, done : done + count] = chunk.numbers.transpose(2, 0, 1)
        self._grad_norms[places, done : done + chunk.updates] = chunk.grad_norms.T
        self._minibatches[places] = done + count
        self._updates[places] = done + chunk.updates
        self._finite[places] = finite

    def results(self) -> list[UpdateResult]:
        """Return the result of each member."""
        found = [UpdateResult() for _ in self._phase.rows]
        if self._phase.is_logged:
            self._average(found)
        values = [row for row, (_, name) in enumerate(self._names) if name == VALUE]
        if not (self._finite.all() and np.isfinite(self._numbers[:, values]).all()):
            for place, result in enumerate(found):
                result.failure = self._failure(place, values)
        return found

    def _average(self, found: Sequence[UpdateResult]) -> None:
        """Add losses and diagnostics to the results."""
        epoch = self._phase.epoch
        with np.errstate(all="ignore"):  # what is not finite is a failure
            for count in np.unique(self._minibatches):
                places = np.flatnonzero(self._minibatches == count)
                numbers = self._numbers[places, :, :count]
                wholes = numbers.mean(-1).tolist()
                lasts = numbers[:, :, (count - 1) // epoch * epoch :].mean(-1).tolist()
                for place, whole, last in zip(places.tolist(), wholes, lasts, strict=True):
                    found[place].losses = self._losses(last)
                    found[place].diagnostics = self._diagnosed(place, whole, last)

    def _losses(self, means: Sequence[float]) -> LossInfo:
        """Return the logged numbers of each loss."""
        losses: LossInfo = {}
        for (loss, name), mean in zip(self._names, means, strict=False):
            own = losses.setdefault(loss, {})
            if name != VALUE:
                own[name] = mean
        return losses

    def _diagnosed(
        self, place: int, whole: Sequence[float], last: Sequence[float]
    ) -> dict[str, float]:
        """Return the finite diagnostics of one member.

        `whole` are its means over all minibatches, `last` those over its last epoch.
        """
        found = dict(zip(self._diagnostics, whole[len(self._names) :], strict=True))
        if APPROX_KL in found:
            found[APPROX_KL] = last[len(self._names) + self._diagnostics.index(APPROX_KL)]
        policy_loss = policy_loss_of(self._phase.losses[place])
        if policy_loss in self._names:
            found[POLICY_LOSS] = whole[self._names.index(policy_loss)]
        if self._updates[place]:
            norms = self._grad_norms[place, : self._updates[place]]
            found[GRAD_NORM] = float(norms.mean())
        return {name: number for name, number in found.items() if np.isfinite(number)}

    def _failure(self, place: int, values: list[int]) -> str | None:
        """Return the first update of a member with a loss that was not finite, and that loss.

        `values` are the places of the losses among the numbers. Updates are counted from the
        member's first. None if all losses were finite.
        """
        losses = [self._names[row][0] for row in values]
        numbers = self._numbers[place, values, : self._minibatches[place]]
        bad = np.argwhere(~np.isfinite(numbers.T))
        if len(bad):
            update, loss = bad[0].tolist()
            return (
                f"the loss {losses[loss]!r} was {numbers[loss, update]} in update"
                f" {self._before[place] + update + 1:,}"
            )
        if not self._finite[place]:
            names = ", ".join(map(repr, losses))
            return (
                f"the gradient of the losses {names} was not finite by update"
                f" {self._before[place] + self._updates[place]:,}"
            )
        return None


def policy_loss_of(losses: Sequence[ActiveLoss]) -> tuple[str, str] | None:
    """Return the loss and the entry that is the diagnostic `policy_loss`, if there is one."""
    for active in losses:
        if isinstance(active.loss, Loss) and active.loss.policy_loss is not None:
            return active.name, active.loss.policy_loss
    return None
