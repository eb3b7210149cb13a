"""The one Ray of the tests: it starts once in a process of pytest."""

from collections.abc import Iterator
from functools import partial

import pytest
import ray

from segue.tune.cluster.session import ray_session, suppress_ray_warnings
from tests.forks import forked_workers
from tests.store.servers import CREDENTIALS


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ray on this machine which believes in one GPU, with what a store needs of a machine.

    Its workers are forked: see `tests.forks`.
    """
    with pytest.MonkeyPatch.context() as patched:
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patched.setattr("ray.init", partial(ray.init, num_gpus=1))
        with suppress_ray_warnings(), forked_workers(), ray_session():
            patched.undo()
            yield
