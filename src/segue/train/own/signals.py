"""What a report returns to a trainer, and why it may be refused."""

from enum import Enum


class Signal(Enum):
    """What a trainer is to do after a report."""

    CONTINUE = "continue"
    """Train on, in the same stage."""
    END_STAGE = "end stage"
    """The stage has ended with this report: train on in the next one, which `trial.stage` has."""
    STOP = "stop"
    """Return: the trial has reached its end, or the scheduler has stopped it."""


class TrainerError(ValueError):
    """A trainer does not report as a trial must; another attempt would not, either."""


class TrialEnded(BaseException):  # not an error, and not to be handled by trainers
    """Raised by a report after the one that returned `Signal.STOP`, to end the trainer."""
