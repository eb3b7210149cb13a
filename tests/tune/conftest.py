"""One Ray for all tests that need it, the doubles within reach of its workers, and a whole run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ray import cloudpickle

import tests.tune
from segue.tune.cluster.session import suppress_ray_warnings
from tests.tune.support.drivers import FINISHED, run_here, trials_of
from tests.tune.support.shared_ray import cluster

__all__ = ["cluster"]

# Workers of Ray cannot import the tests.
cloudpickle.register_pickle_by_value(tests.tune)
HERE = Path(__file__).parent


WITHOUT_RAY = (
    "schedulers/test_conformance.py",
    "schedulers/test_study_scheduler.py",
    "search/test_conformance.py",
    "searcher/test_freeze_thaw.py",
    "searcher/test_paused_training.py",
    "searcher/test_searcher.py",
)
assert all((HERE / name).is_file() for name in WITHOUT_RAY), "a file was moved"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests as those that start Ray, except in a few files."""
    for item in items:
        if (
            item.path.is_relative_to(HERE)
            and item.path.relative_to(HERE).as_posix() not in WITHOUT_RAY
            and item.get_closest_marker("slow")
        ):
            item.add_marker(pytest.mark.ray)


@pytest.fixture(scope="session")
def whole(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the drivers' sweep when nothing disturbs it, one trial at a time."""
    path = tmp_path_factory.mktemp("whole")
    run_here(path)
    assert {trial.state for trial in trials_of(path)} >= set(FINISHED)
    return path


@pytest.fixture(autouse=True)
def silent_optuna() -> Iterator[None]:
    with suppress_ray_warnings():
        yield
