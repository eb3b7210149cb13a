"""One Ray for all tests that need it, and the doubles within reach of its workers."""

from collections.abc import Iterator

import pytest
from ray import cloudpickle

from segue.tune.session import quiet, ray_session
from tests.tune import doubles

cloudpickle.register_pickle_by_value(doubles)


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    with quiet(), ray_session():
        yield


@pytest.fixture(autouse=True)
def silent_optuna() -> Iterator[None]:
    with quiet():
        yield
