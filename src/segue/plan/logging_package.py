"""The metrics, losses and other numbers that are logged together, as a typed record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from segue.base.checks import whole_number
from segue.plan.tracker import ScalarMeanTracker

LoggingMode = Literal["train", "valid", "test"]


@dataclass
class LoggingPackage:
    """Metrics, losses and other numbers of one interval, to be logged.

    - `mode`: whether the numbers come from training ("train"), validation or test.
    - `training_steps`: environment steps taken in training so far.
    - `pipeline_stage`: index of the current stage; None outside a pipeline.
    - `metrics`: means over episodes.
    - `losses`: means over updates, by the name of the loss.
    - `misc`: numbers that are not means, such as the learning rate.

    >>> package = LoggingPackage("train", training_steps=2048)
    >>> package.add_loss("ppo", {"total": 0.25})
    >>> package.tagged()
    {'train-losses/ppo/total': 0.25}
    """

    mode: LoggingMode
    training_steps: int
    pipeline_stage: int | None = None
    metrics: ScalarMeanTracker = field(default_factory=ScalarMeanTracker)
    losses: dict[str, ScalarMeanTracker] = field(default_factory=dict)
    misc: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        modes = get_args(LoggingMode)
        if self.mode not in modes:
            raise ValueError(
                f"The mode of a LoggingPackage must be one of {modes}, got {self.mode!r}."
            )
        self.training_steps = whole_number("training_steps", self.training_steps, least=0)
        if self.pipeline_stage is not None:
            self.pipeline_stage = whole_number("pipeline_stage", self.pipeline_stage, least=0)

    def add_metrics(self, metrics: Mapping[str, float], n: int | Mapping[str, int] = 1) -> None:
        """Add metrics that are means over `n` episodes."""
        self.metrics.add_scalars(metrics, n)

    def add_loss(
        self, loss_name: str, info: Mapping[str, float], n: int | Mapping[str, int] = 1
    ) -> None:
        """Add the numbers that a loss reported as means over `n` updates."""
        tracker = self.losses.get(loss_name, ScalarMeanTracker())
        tracker.add_scalars(info, n)
        self.losses[loss_name] = tracker

    def tagged(self) -> dict[str, float]:
        """Return every number by its TensorBoard tag.

        The tags are MODE-metrics/NAME, MODE-losses/LOSS/NAME and MODE-misc/NAME.
        """
        tags = {f"{self.mode}-metrics/{name}": mean for name, mean in self.metrics.means().items()}
        for loss_name, tracker in self.losses.items():
            tags |= {
                f"{self.mode}-losses/{loss_name}/{name}": mean
                for name, mean in tracker.means().items()
            }
        return tags | {f"{self.mode}-misc/{name}": value for name, value in self.misc.items()}
