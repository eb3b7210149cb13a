"""The random generators of one member, one for each use.

A draw for one use does not affect the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from segue.worlds.seeds import stream


@dataclass(frozen=True)
class MemberGenerators:
    """SFC64 generators, spawned by use from the member's seed.

    SFC64 is fast for the many small draws of a rollout.
    """

    parameters: np.random.Generator
    actions: np.random.Generator
    minibatches: np.random.Generator
    teacher: np.random.Generator

    @classmethod
    def of(cls, seed: int) -> MemberGenerators:
        """Return the generators of the member with this seed."""
        uses = ("parameters", "actions", "minibatches", "teacher")
        return cls(*(np.random.Generator(np.random.SFC64(stream(seed, use))) for use in uses))

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each generator."""
        return {use: generator.bit_generator.state for use, generator in vars(self).items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of each generator."""
        for use, generator in vars(self).items():
            generator.bit_generator.state = state[use]
