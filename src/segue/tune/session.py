"""A quiet Ray: of one's own on this machine, or one that is running."""

import logging
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import optuna
import ray

# Read by Ray and Tune in the driver, when a run starts.
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
_SOCKETS_FIT = 26  # characters: a socket's path may have 107, of which Ray's own part takes 80
_ANSWER_SECONDS = 5.0
_OBJECT_STORE_BYTES = 128 * 1024 * 1024


@contextmanager
def ray_session(address: str | None = None) -> Iterator[dict[str, float]]:
    """Connect to Ray for the block's length, and yield the resources there are in all, as Ray names them ("CPU").

    Without an `address` Ray is started on this machine and ended with the block. A connection that this process
    has already is used, and left open. Raises ValueError when nothing answers at `address`.
    """
    with ExitStack() as stack:
        stack.enter_context(_environment(_DRIVER | _WORKERS))
        if not ray.is_initialized():
            stack.enter_context(_connected(address))
        yield ray.cluster_resources()


def check_address(address: str) -> None:
    """Raise ValueError when nothing answers at `address`: Ray itself would try for ten minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:  # "auto", "local": Ray looks by itself, and says at once when there is none
        return
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ValueError(f"No Ray answers at {address}: start one there, or leave out --address.") from error


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
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    with ExitStack() as stack:
        where: dict[str, Any]
        if address:
            where = {"address": address, "runtime_env": {"env_vars": _WORKERS}}
        else:
            # Workers inherit this process's environment: a runtime_env would cost two seconds.
            directory = stack.enter_context(_short_directory())
            where = {"address": "local", "_temp_dir": directory, "object_store_memory": _OBJECT_STORE_BYTES}
            where["include_dashboard"] = False
        stack.callback(ray.shutdown)
        try:
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionError as error:
            raise ValueError(
                f"Ray at {address} cannot be joined ({_first_line(error)}): check the address, and the cluster's token "
                "in RAY_AUTH_TOKEN if it asks for one."
            ) from error
        yield


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


@contextmanager
def _short_directory() -> Iterator[str]:
    usual = tempfile.gettempdir()
    directory = tempfile.mkdtemp(prefix="segue-", dir=usual if len(usual) < _SOCKETS_FIT else "/tmp")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
