"""What a trial trains: the form of its `trial.json`, which is shown without the sweep's code."""

from typing import Any, Literal

from pydantic import Field

from segue.record.validation import Checked


class TrialDescription(Checked):
    """The parameters, the device and the setup of a trial."""

    parameters: dict[str, Any] = Field({})
    device: Literal["cpu", "cuda"] = "cpu"
    text: str = ""
    """The pipeline, stage by stage, for people."""
    pipeline: dict[str, Any] = Field({})
    setup: dict[str, str] = Field({})
    """What else depends on the parameters, in short: of world, evaluation, lanes and policy."""
