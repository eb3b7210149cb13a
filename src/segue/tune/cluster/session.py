"""Connect to Ray: a session of this process, or a cluster that is already running."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
from segue.tune.cluster.credentials import not_in_runtime_env, offered_to_workers
from segue.tune.cluster.local_modules import local_modules
from segue.tune.cluster.ray_directory import ray_directory
from segue.tune.ray_adapter import JobWithoutFolders

# Read by Ray and Tune in the driver, when a run starts.
_DRIVER = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # trials write their own logs
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # Tune's record is unused: the study replaces it
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}
# Read in the workers. Two trials with two threads each are three times slower than with one.
_WORKERS = {
    "OMP_NUM_THREADS": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths in a sweep mean the same as in the driver
    # Time for a trial to shut down before its worker starts the next one.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "30",
}
_OBJECT_STORE_BYTES = 128 * 1024 * 1024


@contextmanager
def ray_session(address: str | None = None) -> Iterator[dict[str, float]]:
    """Connect to Ray for the duration of the block, and yield the total resources by Ray's names.

    Without an `address`, Ray is started on this machine and shut down at the end of the block. An
    existing connection of this process is used, and stays open. Raises ValueError if Ray does not
    respond at `address`.
    """
    with ExitStack() as stack:
        stack.enter_context(_environment(_DRIVER | _WORKERS))
        stack.enter_context(_uncounted())
        stack.enter_context(not_in_runtime_env())
        is_own = not address and not ray.is_initialized()
        if not ray.is_initialized():
            stack.enter_context(_connected(address))
        if not is_own:  # workers of an own Ray inherit the environment
            stack.enter_context(offered_to_workers())
        yield ray.cluster_resources()


@contextmanager
def suppress_ray_warnings() -> Iterator[None]:
    """Hide the warnings and logs of Ray and Optuna, and the exceptions that Tune logs.

    Segue reports the exceptions of its own searchers and callbacks in a sentence.
    """
    tune = logging.getLogger("ray.tune.execution.tune_controller")
    before = tune.level
    tune.setLevel(logging.CRITICAL)
    try:
        with suppress_warnings("ray", "optuna"):
            yield
    finally:
        tune.setLevel(before)


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
    """Disable Ray's count of callbacks for its usage statistics, which are off.

    The count would import W&B and MLflow, which takes 3 s.
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
        arguments = _for_joining(address, stack) if address else _for_starting(stack)
        stack.callback(ray.shutdown)
        with _refusals(address):
            ray.init(
                **arguments,
                job_config=JobWithoutFolders(),
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        yield


def _for_joining(address: str, stack: ExitStack) -> dict[str, Any]:
    """Return the arguments with which `ray.init` joins the Ray at an address."""
    if is_on_loopback_only(address):
        stack.enter_context(_on_loopback())
    # Modules that are not installed are uploaded: workers on other nodes lack them.
    runtime_env = {"env_vars": _WORKERS, "py_modules": local_modules()}
    return {"address": address, "runtime_env": runtime_env}


def _for_starting(stack: ExitStack) -> dict[str, Any]:
    """Return the arguments with which `ray.init` starts a Ray that only this user can use."""
    directory = stack.enter_context(ray_directory())
    stack.enter_context(_guarded_by_a_token(directory.parent))
    stack.enter_context(_on_loopback())
    # Workers inherit this process's environment: a runtime_env would cost two seconds.
    return {
        "address": "local",
        "_temp_dir": str(directory),
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }


@contextmanager
def _refusals(address: str | None) -> Iterator[None]:
    """Raise Ray's errors in the block as ValueErrors that say what to do."""
    try:
        yield
    except AuthenticationError as error:
        raise ValueError(
            f"Ray at {address} is to be joined with a token, but there is none: put the"
            " cluster's token into ~/.ray/auth_token, with the mode 600."
        ) from error
    except RuntimeEnvSetupError as error:
        raise ValueError(
            f"The modules of the sweep cannot be sent to the cluster ({_first_line(error)}):"
            " install them on its nodes, or move large files out of their folder."
        ) from error
    except ConnectionError as error:
        raise ValueError(
            f"Ray at {address} cannot be joined ({_first_line(error)}): check the address, and"
            f" the token ({token_in_use()})."
        ) from error
    except Exception as error:
        if type(error) is not Exception:  # which Ray raises if one of its processes does not start
            raise
        raise ValueError(
            f"Ray cannot be started on this machine ({_first_line(error)}): run the same command"
            " again once the machine has free memory and processors."
        ) from error


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Make Ray's processes listen on 127.0.0.1 only.

    On Linux they would otherwise listen on all of the machine's addresses.
    """
    # Ray does so on systems where it does not support clusters, and has no public setting for it
    # on Linux.
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        with _environment({ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0"}):
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _guarded_by_a_token(directory: Path) -> Iterator[None]:
    """Make Ray require a token that only this user's processes can read.

    Settings in the environment take precedence.
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
            Config.initialize("")  # Ray has read the old mode when it was imported
            yield
    finally:
        Config.initialize("")


@cache
def _token() -> str:
    return secrets.token_hex(32)  # one for the process: Ray caches it until the process ends


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
