"""The classes of Ray Tune that Segue extends, and Tune's events in Segue's terms.

Ray ships no types, so mypy takes its classes for `Any` and refuses to have them subclassed. This
module is the one exception (see `pyproject.toml`); all others subclass the classes below.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from ray.job_config import JobConfig
from ray.tune import Callback, Stopper
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from segue.record.row import Row


class TuneTrialState(Protocol):
    """What Tune does not store of a trial."""

    ray_actor: object | None


class TuneTrial(Protocol):
    """What Segue reads and changes of a trial of Tune."""

    trial_id: str
    config: Mapping[str, Any]
    """What the trial's function is called with."""
    status: str
    PENDING: str
    temporary_state: TuneTrialState

    def get_error(self) -> Exception | None:
        """Return why the trial failed the last time."""

    def update_resources(self, resources: Mapping[str, float]) -> None:
        """Change the resources with which the trial is started."""


class TuneController(Protocol):
    """What Segue uses of Tune's loop."""

    def get_live_trials(self) -> Iterable[TuneTrial]:
        """Return the trials that have not ended."""

    def stop_trial(self, trial: TuneTrial) -> None:
        """Stop a trial that runs, or has not started."""


class JobWithoutFolders(JobConfig):
    """A job whose workers do not search the driver's folders before all others.

    Ray puts the current folder and that of the script first in `sys.path` of each worker, where a
    file named like a module of a library would replace it. `Parcel` puts them last.
    """

    @property
    def _py_driver_sys_path(self) -> list[str]:
        return []

    @_py_driver_sys_path.setter
    def _py_driver_sys_path(self, folders: list[str]) -> None:
        pass


class _NeverPickled:
    """Pickles as nothing: Tune pickles its parts when it starts, and never reads them back.

    A sweep is resumed from its study, and the parts hold databases, threads and consoles.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {}


class RayStopper(Stopper):
    """Base of stoppers."""


class SweepStopper(_NeverPickled, RayStopper):
    """Base of stoppers that belong to one run of a sweep."""


class SweepSearcher(_NeverPickled, Searcher):
    """Base of searchers that belong to one run of a sweep."""

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study is the record."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: the study is the record."""


class SweepScheduler(_NeverPickled, TrialScheduler):
    """Base of schedulers that belong to one run of a sweep."""


class WorkerScheduler(_NeverPickled, FIFOScheduler):
    """Base of the scheduler that starts workers in their order."""


class RayFIFOScheduler(FIFOScheduler):
    """Base of schedulers that any run of Tune can use, and that can be copied."""


class RayAsyncHyperBand(AsyncHyperBandScheduler):
    """Base of variants of Ray's asynchronous HyperBand."""


class RunningTrial(NamedTuple):
    """A trial that has a worker: its number in the study, and the worker's actor."""

    number: int
    actor: object


class TrialObserver(_NeverPickled):
    """Base of what follows the trials of a sweep by their numbers in the study."""

    def started(self, number: int) -> None:
        """Called when a trial starts, and when it starts again after its worker was lost."""

    def reported(self, number: int, row: Row) -> None:
        """Called with each report of a trial, including reports of a failure."""

    def ended(self, number: int) -> None:
        """Called when a trial has completed, was stopped, or has failed for good."""

    def tick(self, running: Iterable[RunningTrial]) -> None:
        """Called after each step of Tune's loop with the trials that run."""


class LoopCallback(_NeverPickled, Callback):
    """Calls a function after each step of Tune's loop."""

    def __init__(self, on_step: Callable[[], None]) -> None:
        self._on_step = on_step

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: object) -> None:
        """Call the function."""
        self._on_step()
