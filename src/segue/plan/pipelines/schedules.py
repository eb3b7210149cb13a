"""Schedules: pure functions of the step, as values that print, compare and pickle."""

from collections.abc import Sequence
from dataclasses import dataclass

from segue.base.checks import count, finite

_UNKNOWN = -1  # steps of a decay that AllenAct's experiments make and never call


@dataclass(frozen=True)
class LinearDecay:
    """Change linearly from `startp` to `endp` over `steps` steps, and stay at `endp`.

        p(i) = startp + (endp - startp) * clip(i / steps, 0, 1)

    `steps` of -1 stand for a length that is not known: such a decay can be made, and calling it
    raises ValueError. Raises TypeError or ValueError for other `steps` that are not a whole number
    of at least 1, and for ends that are not finite.

    >>> decay = LinearDecay(steps=100, startp=1.0, endp=0.5)
    >>> decay(0), decay(50), decay(1000)
    (1.0, 0.75, 0.5)
    """

    steps: int
    startp: float = 1.0
    endp: float = 0.0

    def __post_init__(self) -> None:
        is_unknown = self.steps == _UNKNOWN
        steps = _UNKNOWN if is_unknown else count("steps of a LinearDecay", self.steps)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "startp", finite("startp of a LinearDecay", self.startp))
        object.__setattr__(self, "endp", finite("endp of a LinearDecay", self.endp))

    def __call__(self, epoch: int) -> float:
        """Return the value after `epoch` steps: `startp` before step 0, `endp` after `steps`."""
        if self.steps == _UNKNOWN:
            raise ValueError(
                "LinearDecay(-1) has no length and cannot be used: give it the steps over which to"
                " decay."
            )
        if epoch <= 0:
            return self.startp
        if epoch >= self.steps:
            return self.endp
        done = epoch / self.steps
        return (1 - done) * self.startp + done * self.endp


@dataclass(frozen=True)
class MultiLinearDecay:
    """Several linear decays, one after the other, each over its own number of steps.

    A pure function of the step, which can be evaluated in any order. At the step where one decay
    ends and the next begins, its value is the next one's `startp`; after the last decay it stays at
    the last `endp`.

    Raises ValueError for no stages, TypeError for a stage that is not a LinearDecay.

    >>> decay = MultiLinearDecay([LinearDecay(10, 1.0, 0.5), LinearDecay(20, 0.5, 0.0)])
    >>> decay(20), decay(5), decay(20)
    (0.25, 0.75, 0.25)
    """

    stages: Sequence[LinearDecay]

    def __post_init__(self) -> None:
        stages = tuple(self.stages)
        if not stages:
            raise ValueError("MultiLinearDecay needs at least one LinearDecay, got none.")
        for stage in stages:
            if not isinstance(stage, LinearDecay):
                raise TypeError(
                    f"Each stage of a MultiLinearDecay must be a LinearDecay, got {stage!r}."
                )
            count("steps of each stage of a MultiLinearDecay", stage.steps)
        object.__setattr__(self, "stages", stages)

    @property
    def steps(self) -> int:
        """The total number of steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def __call__(self, epoch: int) -> float:
        """Return the value after `epoch` steps."""
        for stage in self.stages:
            if epoch < stage.steps:
                return stage(epoch)
            epoch -= stage.steps
        return self.stages[-1].endp
