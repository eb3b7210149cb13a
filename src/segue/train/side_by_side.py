"""Trainers of several trials side by side: their groups share packs, and their evaluations.

The trainers are of one kind: the same world, policy, number of lanes and device. Each of them has
the results that it would have alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from segue.train.evaluate import Evaluator
from segue.train.packs.groups import partition, scale_of
from segue.train.packs.interval import AdvanceResult
from segue.train.packs.turn import iterate
from segue.train.rollouts.normalization import ObservationScale
from segue.train.trainer import Trainer

OnError = Callable[[Sequence[Trainer], Exception], None]


def advance_together(
    trainers: Sequence[Trainer], on_error: OnError | None = None
) -> dict[Trainer, AdvanceResult]:
    """Advance each trainer once, as `Trainer.advance` does, in as few packs as possible.

    An exception in a pack, whose state is then undefined, is passed to `on_error` with the trainers
    that have a group in it, or raised if that is None.
    """
    turns = {trainer: trainer.next_turn() for trainer in trainers}
    found = {}
    for same in partition(list(turns), lambda trainer: turns[trainer].structure):
        try:
            result = iterate([turns[trainer] for trainer in same])
            found.update({trainer: trainer.after(turns[trainer], result) for trainer in same})
        except Exception as error:
            if on_error is None:
                raise
            on_error(same, error)
    return found


def evaluate_together(trainers: Sequence[Trainer]) -> None:
    """Evaluate the members of each trainer, as `Trainer.evaluate` does, in as few as possible."""
    for same in partition(trainers, lambda trainer: trainer.evaluation):
        evaluator = Evaluator.joined([trainer.evaluator for trainer in same])
        scales = [scale for trainer in same if (scale := scale_of(trainer.groups)) is not None]
        scale = ObservationScale.together(scales) if scales else None
        found = evaluator(torch.cat([trainer.parameters for trainer in same]), scale)
        first = 0
        for trainer in same:
            last = first + len(trainer.members)
            trainer.record({name: values[first:last] for name, values in found.items()})
            first = last
