"""Forms of the user attributes of trials, which are checked when a study is read."""

from typing import Annotated, Any

from pydantic import Field

from segue.record.validation import Checked, Steps


class _Stages(Checked):
    of: Annotated[int, Field(ge=1, lt=2**31)]
    ended_at: list[Steps]


class _Stop(Checked):
    step: Steps
    value: float


class _Exploited(Checked):
    at: Steps
    donor: Steps = Field(alias="from")
    parameters: dict[str, Any]


class _PredictedEnd(Checked):
    value: float
    low: float
    high: float


class _Resumed(Checked):
    spent: Steps
    of: Steps
    new: Steps
    check: bool


class _Pause(_PredictedEnd):
    at: Steps
    spent: Steps
    instead: Steps | None = None
    resumed: _Resumed | None = None


class _Fork(Checked):
    trial: Steps
    env_steps: Steps
    total_env_steps: Steps


class SteeredAttribute(Checked):
    """The record of a person's request; see `segue.record.study.steering`."""

    request: str = Field(min_length=1)
    action: str
    by: str
    at: str
    trial: Steps | None = None
    stage: Steps | None = None
    env_steps: Steps | None = None
    problem: str | None = None


class TrialAttributes(Checked):
    """The user attributes of a trial that Segue reads, by the names in `attributes`."""

    stages: _Stages | None = None
    stages_ended_by: dict[str, str] = Field({})
    stop: _Stop | None = None
    stopped_by: str | None = None
    reason: str | None = None
    paused: _Stop | None = None
    predicted_end: _PredictedEnd | None = None
    pauses: list[_Pause] = Field([])
    log: str | None = None
    directory: str | None = None
    lineage: list[_Exploited] = Field([])
    forked_from: _Fork | None = None
    adopted_from: str | None = None
    copy_of: Steps | None = None
    constraints: dict[str, float] = Field({})
    steered: list[SteeredAttribute] = Field([])
    stage: Steps | None = None
    env_steps: Steps | None = None
    total_env_steps: Steps | None = None
