"""What other schedulers would have decided on the reports of a run: `replayed.json`."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from segue.base.files import write_atomic
from segue.base.strict_json import to_json
from segue.record.layout import RunLayout
from segue.record.validation import Checked, Steps, read_object


class _File(Checked):
    """The content of `replayed.json`; trials are texts, since JSON has no other keys."""

    reports: Steps
    ran: str | None
    planned: dict[str, Steps]
    stops: dict[str, dict[str, Steps]] = Field(max_length=64)


@dataclass(frozen=True)
class Replays:
    """Which trials each scheduler would have stopped, and after how many environment steps."""

    reports: int
    """How many reports were replayed."""
    ran: str | None
    """The name of the scheduler of the run, None where it had none."""
    planned: Mapping[int, int]
    """The steps of one member that each trial takes if no stage ends early, by its number."""
    stops: Mapping[str, Mapping[int, int]]
    """The stopped trials and the steps of their last report, by the scheduler's name."""

    def write(self, run: RunLayout) -> None:
        """Write `replayed.json`. Raise OSError if it cannot be written."""
        known = {
            "reports": self.reports,
            "ran": self.ran,
            "planned": {str(number): steps for number, steps in self.planned.items()},
            "stops": {
                name: {str(number): steps for number, steps in found.items()}
                for name, found in self.stops.items()
            },
        }
        write_atomic(run.replays, to_json(known) + "\n")


def read_replays(run: RunLayout) -> Replays | None:
    """Return what was replayed of a run; None where nothing was.

    Raise ValueError, in one sentence, for a file that is damaged.
    """
    known = read_object(run.replays, _File)
    if known is None:
        return None
    try:
        planned = _by_number(known.planned)
        stops = {name: _by_number(found) for name, found in known.stops.items()}
    except ValueError as error:
        raise ValueError(f"{run.replays} is damaged (a trial is not a number).") from error
    return Replays(known.reports, known.ran, planned, stops)


def _by_number(found: Mapping[str, int]) -> dict[int, int]:
    return {int(number): steps for number, steps in found.items()}
