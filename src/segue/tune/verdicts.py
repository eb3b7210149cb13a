"""The scheduler's decisions, for the searcher.

Tune reports stopped and finished trials to the searcher in the same way. The module also defines
the keys of reports that mark how a trial fails or ends.
"""

from dataclasses import dataclass, field

from segue.record.row import FINAL, Row

FAILURE = "failure"  # why a trial failed, in one line
DISK_FULL = "disk_full"  # why it could not write
STORE_UNAVAILABLE = "store_unavailable"  # why it could not access the run's store
OUT_OF_MEMORY = "out_of_memory"  # True where its memory did not fit into its share of a GPU


@dataclass
class Verdicts:
    """Why trials were stopped or lost, by number, and why the run must end."""

    stopped: dict[int, str] = field(default_factory=dict)
    """Why the scheduler stopped trials."""
    paused: set[int] = field(default_factory=set)
    """The trials that were paused at their last report, and that Tune has not ended yet."""
    lost: dict[int, str] = field(default_factory=dict)
    """Why the workers of trials were lost most recently."""
    hung: dict[int, str] = field(default_factory=dict)
    """Why the watchdog killed workers: they did not report."""
    out_of_disk: str | None = None
    """The message of a trial that could not write."""
    store_unavailable: str | None = None
    """Why a trial could not store its results, or which process has taken the run over."""
    space_failed: str | None = None
    """Why the space function cannot propose another trial."""

    ray_died: str | None = None
    """Which process of this machine's Ray has died."""

    @property
    def must_end(self) -> bool:
        """Whether the run must end, with its trials to be resumed later."""
        reasons = (self.out_of_disk, self.store_unavailable, self.ray_died)
        return any(reason is not None for reason in reasons)

    @property
    def problem(self) -> str | None:
        """Why the run must end before the sweep is done, and what to do; None if it need not."""
        if self.out_of_disk:
            return (
                f"The disk is full ({self.out_of_disk}): free some space, and run the"
                " same command again."
            )
        if self.store_unavailable:
            return (
                f"{self.store_unavailable} Finished work is stored: run the same command to resume."
            )
        if self.ray_died:
            return (
                f"Ray has died on this machine (its process {self.ray_died} was killed,"
                " as the kernel does when memory runs out). Finished work is stored: run the same"
                " command to resume, with a smaller --concurrency if memory was short."
            )
        if self.space_failed:
            return (
                f"{self.space_failed.rstrip('.')}. Finished trials are stored, but the"
                " same command would fail again: correct the space, and resume with"
                " --accept-changes, or start from scratch with --fresh."
            )
        return None


def has_failed(result: Row) -> bool:
    """Return whether a report marks its trial as failed."""
    return FAILURE in result


def has_ended(result: Row) -> bool:
    """Return whether a report is the last of its trial: every member ended its pipeline."""
    return bool(result.get(FINAL))
