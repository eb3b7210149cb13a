"""A quiet Ray: of one's own on this machine, or one that is running."""

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import optuna

# Read by Ray and Tune in the driver, at import or when a run starts.
_DRIVER = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # trials write their own results and events
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # Tune's record is not used: the study is the record
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}
# Read in the workers. Two trials with two threads each are three times slower than with one.
_WORKERS = {
    "OMP_NUM_THREADS": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths in a sweep mean the same as in the driver
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "30",  # of tearing a trial down, before its worker takes the next
}
_SOCKETS_FIT = 50  # characters: the sockets in Ray's directory may have 107 in all
_OBJECT_STORE_BYTES = 128 * 1024 * 1024


@contextmanager
def ray_session(address: str | None = None) -> Iterator[dict[str, float]]:
    """Connect to Ray for the block's length, and yield the resources there are in all, as Ray names them ("CPU").

    Without an `address` Ray is started on this machine and ended with the block. A connection that this process
    has already is used, and left open. Raises ValueError when nothing answers at `address`.
    """
    os.environ.update(_DRIVER | _WORKERS)
    import ray

    if ray.is_initialized():
        yield ray.cluster_resources()
        return
    with _connected(ray, address):
        yield ray.cluster_resources()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings and logs of Ray and Optuna off the terminal."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(ray|optuna)(\.|$)")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    with ExitStack() as stack:
        if address:
            where = {"address": address, "runtime_env": {"env_vars": _WORKERS}}
        else:
            # Workers inherit this process's environment: a runtime_env would cost two seconds.
            directory = stack.enter_context(_short_directory())
            where = {"address": "local", "_temp_dir": directory, "object_store_memory": _OBJECT_STORE_BYTES}
        stack.callback(ray.shutdown)
        try:
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionError as error:
            raise ValueError(f"No Ray answers at {address!r}: start one there, or leave out --address.") from error
        yield


@contextmanager
def _short_directory() -> Iterator[str]:
    usual = tempfile.gettempdir()
    directory = tempfile.mkdtemp(prefix="segue-", dir=usual if len(usual) < _SOCKETS_FIT else "/tmp")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
