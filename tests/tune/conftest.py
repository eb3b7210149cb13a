"""One Ray for all tests that need it, and the doubles within reach of its workers."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import ray
from ray import cloudpickle

from segue.tune.cluster.session import quiet, ray_session
from tests.store.servers import CREDENTIALS
from tests.tune.support import doubles
from tests.tune.support.drivers import FINISHED, run_here, trials_of

cloudpickle.register_pickle_by_value(doubles)
HERE = Path(__file__).parent


WITHOUT_RAY = (
    "schedulers/test_conformance.py",
    "schedulers/test_study_scheduler.py",
    "search/test_conformance.py",
    "study/test_searcher.py",
)


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
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ray on this machine which believes in one GPU, with what a store needs of a machine."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patched.setattr("ray.init", partial(ray.init, num_gpus=1))
        with quiet(), ray_session():
            patched.undo()
            yield


@pytest.fixture(scope="session")
def whole(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the drivers' sweep when nothing disturbs it, one trial at a time."""
    path = tmp_path_factory.mktemp("whole")
    run_here(path)
    assert {trial.state for trial in trials_of(path)} >= set(FINISHED)
    return path


@pytest.fixture(autouse=True)
def silent_optuna() -> Iterator[None]:
    with quiet():
        yield
