"""A quiet Ray: of one's own on this machine, or one that is running."""

import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._raylet import Config  # type: ignore[attr-defined]  # of its compiled part
from ray.air._internal import usage as air_usage
from ray.exceptions import AuthenticationError, RuntimeEnvSetupError

from segue.base.suppress_warnings import suppress_warnings
from segue.tune.cluster.addresses import is_on_loopback_only, token_in_use
from segue.tune.cluster.local_modules import own_modules

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
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": (
        "30"
    ),  # of tearing a trial down, before its worker takes the next
}
_SOCKETS_FIT = 24  # characters: a socket's path may have 107, of which the rest takes 82
_OBJECT_STORE_BYTES = 128 * 1024 * 1024


@contextmanager
def ray_session(address: str | None = None) -> Iterator[dict[str, float]]:
    """Connect to Ray for the block's length, and yield the resources there are in all, as Ray names
    them ("CPU").

    Without an `address` Ray is started on this machine and ended with the block. A connection that
    this process has already is used, and left open. Raises ValueError when nothing answers at
    `address`.
    """
    with ExitStack() as stack:
        stack.enter_context(_environment(_DRIVER | _WORKERS))
        stack.enter_context(_uncounted())
        if not ray.is_initialized():
            stack.enter_context(_connected(address))
        yield ray.cluster_resources()


def quiet() -> AbstractContextManager[None]:
    """Keep the warnings and logs of Ray and Optuna off the terminal."""
    return suppress_warnings("ray", "optuna")


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
def _uncounted() -> Iterator[None]:
    """Keep Ray from counting callbacks for its statistics, which are off: it would import W&B and
    MLflow, for 3 s.
    """
    before = air_usage.tag_callbacks
    air_usage.tag_callbacks = lambda callbacks: False
    try:
        yield
    finally:
        air_usage.tag_callbacks = before


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    with ExitStack() as stack:
        where: dict[str, Any]
        if address:
            # What a sweep imports from beside it is sent along: on other machines it could not be
            # found.
            where = {
                "address": address,
                "runtime_env": {"env_vars": _WORKERS, "py_modules": own_modules()},
            }
            if is_on_loopback_only(address):
                stack.enter_context(_on_loopback())
        else:
            # Workers inherit this process's environment: a runtime_env would cost two seconds.
            directory = stack.enter_context(_short_directory())
            stack.enter_context(_guarded_by_a_token(Path(directory).parent))
            stack.enter_context(_on_loopback())
            where = {
                "address": "local",
                "_temp_dir": directory,
                "object_store_memory": _OBJECT_STORE_BYTES,
            }
            where["include_dashboard"] = False
        stack.callback(ray.shutdown)
        try:
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except AuthenticationError as error:
            raise ValueError(
                f"Ray at {address} is asked with a token, but there is none: put the cluster's"
                " token into ~/.ray/auth_token, with the mode 600."
            ) from error
        except RuntimeEnvSetupError as error:
            raise ValueError(
                f"What the sweep imports cannot be sent to the cluster ({_first_line(error)}):"
                " install it on its machines, or move what is large out of its folder."
            ) from error
        except ConnectionError as error:
            raise ValueError(
                f"Ray at {address} cannot be joined ({_first_line(error)}): check the address, and"
                f" the token ({token_in_use()})."
            ) from error
        yield


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray's processes listen on 127.0.0.1 only; on Linux they would listen on all of the
    machine's addresses.
    """
    # Ray does so by itself on systems where it has no clusters; it has no public setting for it on
    # Linux.
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        with _environment({ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0"}):
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _guarded_by_a_token(directory: Path) -> Iterator[None]:
    """Have Ray ask for a token that only this user's processes can read, unless the environment
    says otherwise.
    """
    if any(
        name in os.environ for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    ):
        yield
        return
    path = directory / "token"
    path.touch(mode=0o600)
    path.write_text(_token())
    try:
        with _environment({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}):
            Config.initialize("")  # Ray has read the mode when it was imported
            yield
    finally:
        Config.initialize("")


@cache
def _token() -> str:
    return secrets.token_hex(32)  # Ray remembers it for as long as the process lives


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


@contextmanager
def _short_directory() -> Iterator[str]:
    usual = tempfile.gettempdir()
    directory = tempfile.mkdtemp(
        prefix="segue-", dir=usual if len(usual) < _SOCKETS_FIT else "/tmp"
    )
    try:
        yield str(
            Path(directory, "r")
        )  # Ray opens its directory to all users: it lies in one that is private
    finally:
        shutil.rmtree(directory, ignore_errors=True)
