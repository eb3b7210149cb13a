"""A trial as schedulers see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class NumberedTrial:
    """Known by the study's number, so that it is the same one in each run."""

    number: int
    config: Mapping[str, Any] = field(compare=False)

    @property
    def trial_id(self) -> str:
        """The number, as Ray's schedulers want it."""
        return str(self.number)
