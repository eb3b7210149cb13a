"""What a trial hears when it has reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Exploit:
    """A trial is to go on from another one's checkpoint, with other parameters.

    `generation` counts from 1 how often it was told so; `parameters` are what the study records.
    """

    generation: int
    checkpoint: Path
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """What to do now: nothing, or one of these.

    `end_stage`: the stage, from 0, that the trial is to end with the current interval. `exploit`:
    where to go on from.
    """

    end_stage: int | None = None
    exploit: Exploit | None = None
