"""What a trial hears when it has reported."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """`end_stage`: the stage, from 0, that the trial is to end with the current interval; None where it is to go on."""

    end_stage: int | None = None
