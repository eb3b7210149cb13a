"""One Ray for all tests that need it, and the doubles within reach of its workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ray import cloudpickle

from segue.tune.cluster.session import quiet, ray_session
from tests.tune import doubles

cloudpickle.register_pickle_by_value(doubles)
HERE = Path(__file__).parent


WITHOUT_RAY = (
    "test_scheduling",
    "test_searcher",
    "test_search_conformance",
    "test_scheduler_conformance",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests start Ray here, but for those files': they run one at a time."""
    for item in items:
        if (
            item.path.parent == HERE
            and item.path.stem not in WITHOUT_RAY
            and item.get_closest_marker("slow")
        ):
            item.add_marker(pytest.mark.ray)


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    with quiet(), ray_session():
        yield


@pytest.fixture(autouse=True)
def silent_optuna() -> Iterator[None]:
    with quiet():
        yield
