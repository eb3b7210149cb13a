"""What the scheduler tells the searcher: Tune shows a searcher a stopped trial and a finished one
alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FAILURE = "failure"  # the key of a report that says why a trial broke, in one line


@dataclass
class Verdicts:
    """Why the scheduler stopped trials, by number, and the last cause of those whose worker was
    lost.
    """

    stopped: dict[int, str] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)
    hung: dict[int, str] = field(default_factory=dict)
    """Of trials whose workers were killed because they said nothing."""
    out_of_disk: str | None = None
    """What a trial said that could not write."""
    out_of_reach: str | None = None
    """What a trial said that could not keep its results in the run's store; or who else has the run now."""

    @property
    def can_keep_nothing(self) -> bool:
        """Whether the run is to end, and its trials to be continued later."""
        return self.out_of_disk is not None or self.out_of_reach is not None


DISK_FULL = "disk_full"  # the key of a report of a trial that could not write, which says why
OUT_OF_MEMORY = (  # the key of a report of a trial whose memory did not fit into its share of a GPU
    "out_of_memory"
)
# the key of a report of a trial that could not reach the run's store, which says why
OUT_OF_REACH = "out_of_reach"


def has_failed(result: Mapping[str, Any]) -> bool:
    """Whether a report says that its trial broke."""
    return FAILURE in result


def has_ended(result: Mapping[str, Any]) -> bool:
    """Whether a report is the last of its trial: every member ended its pipeline."""
    return bool(result.get("final"))
