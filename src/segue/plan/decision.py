"""The driver's decision about a trial that has reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Exploit:
    """A trial is to continue from another trial's checkpoint, with other parameters.

    `generation` counts the exploits of the trial, from 1. `parameters` are recorded in the study.
    """

    generation: int
    checkpoint: Path
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """What a trial is to do after a report; by default, it simply continues.

    `end_stage`: index of the stage, from 0, that is to end with the current interval: for its
    scheduler criteria, or whatever its criterion is where `by_person` says that a person ends it.
    `exploit`: the checkpoint and the parameters to continue with.
    """

    end_stage: int | None = None
    exploit: Exploit | None = None
    by_person: bool = False
