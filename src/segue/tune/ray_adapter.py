"""The classes of Ray Tune that Segue extends, and Tune's events in Segue's terms.

Ray ships no types, so mypy takes its classes for `Any` and refuses to have them subclassed. This
module is the one exception (see `pyproject.toml`); all others subclass the classes below.
"""

from collections.abc import Iterable, Iterator, Mapping
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
    """The study's number of the trial and its parameters."""
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


class RayFIFOScheduler(FIFOScheduler):
    """Base of schedulers that any run of Tune can use, and that can be copied."""


class RayAsyncHyperBand(AsyncHyperBandScheduler):
    """Base of variants of Ray's asynchronous HyperBand."""


class RunningTrial(NamedTuple):
    """A trial that has a worker: its number in the study, and the worker's actor."""

    number: int
    actor: object


class TrialObserver(_NeverPickled, Callback):
    """Base of callbacks that follow the trials of a sweep by their numbers in the study.

    Tune calls its callbacks in the order in which they are registered.
    """

    def started(self, number: int) -> None:
        """Called when a trial starts, and when it starts again after its worker was lost."""

    def reported(self, number: int, row: Row) -> None:
        """Called with each report of a trial, including reports of a failure."""

    def ended(self, number: int) -> None:
        """Called when a trial has completed, was stopped, or has failed for good."""

    def tick(self, running: Iterable[RunningTrial]) -> None:
        """Called after each step of Tune's loop with the trials that run."""

    def on_trial_start(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: object
    ) -> None:
        """Translate Tune's event to `started`."""
        self.started(_number(trial))

    def on_trial_result(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, result: Row, **info: object
    ) -> None:
        """Translate Tune's event to `reported`."""
        self.reported(_number(trial), result)

    def on_trial_complete(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: object
    ) -> None:
        """Translate Tune's event, also of a trial that was stopped, to `ended`."""
        self.ended(_number(trial))

    def on_trial_error(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: object
    ) -> None:
        """Translate Tune's event, a worker that was lost too often, to `ended`."""
        self.ended(_number(trial))

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: object) -> None:
        """Translate Tune's event to `tick`."""
        self.tick(_running(trials))


def _number(trial: TuneTrial) -> int:
    return int(trial.config["trial"])


def _running(trials: Iterable[TuneTrial]) -> Iterator[RunningTrial]:
    for trial in trials:
        actor = trial.temporary_state.ray_actor if trial.status == "RUNNING" else None
        if actor is not None:
            yield RunningTrial(_number(trial), actor)
