"""Trials in the form that schedulers expect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class NumberedTrial:
    """A trial identified by its number in the study, which is the same in each run."""

    number: int
    config: Mapping[str, Any] = field(compare=False)

    @property
    def trial_id(self) -> str:
        """The number as a string, as Ray's schedulers require."""
        return str(self.number)
