"""Credentials of object stores on their way to the workers of a cluster.

Tune would put them into the runtime environment of its workers, which Ray writes to its logs in
plain text. Workers of a Ray on this machine inherit the environment of the driver. For a cluster,
the driver puts the credentials into the memory of Ray's head node, where the workers fetch them;
the cluster's token protects the connection.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray._private.state import jobs
from ray.experimental.internal_kv import (
    _internal_kv_del,
    _internal_kv_get,
    _internal_kv_initialized,
    _internal_kv_list,
    _internal_kv_put,
)
from ray.tune.execution import class_cache

from segue.store.objects import forget_connections

CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
)
_NAMESPACE = b"segue"
_PREFIX = b"credentials-"


@contextmanager
def not_in_runtime_env() -> Iterator[None]:
    """Prevent Tune from passing credentials in its workers' runtime environment."""
    before = class_cache.ENV_VARS_TO_PROPAGATE
    class_cache.ENV_VARS_TO_PROPAGATE = set(before) - set(CREDENTIALS)
    try:
        yield
    finally:
        class_cache.ENV_VARS_TO_PROPAGATE = before


@contextmanager
def offered_to_workers() -> Iterator[None]:
    """Let the workers of this job fetch the credentials of this process while the block runs.

    Credentials of jobs whose drivers were killed are removed.
    """
    if not _internal_kv_initialized():
        yield
        return
    _remove_abandoned()
    found = {name: os.environ[name] for name in CREDENTIALS if name in os.environ}
    if not found:
        yield
        return
    key = _key(ray.get_runtime_context().get_job_id())
    _internal_kv_put(key, json.dumps(found).encode(), namespace=_NAMESPACE)
    try:
        yield
    finally:
        _internal_kv_del(key, namespace=_NAMESPACE)


def fetch_credentials() -> None:
    """Take over the credentials that the driver offers, if there are any; for workers."""
    if not _internal_kv_initialized():
        return
    key = _key(ray.get_runtime_context().get_job_id())
    content = _internal_kv_get(key, namespace=_NAMESPACE)
    if content is None:
        return
    offered = {name: value for name, value in json.loads(content).items() if name in CREDENTIALS}
    if any(os.environ.get(name) != value for name, value in offered.items()):
        os.environ.update(offered)
        forget_connections()


def _remove_abandoned() -> None:
    running = {_key(job["JobID"]) for job in jobs() if not job["IsDead"]}
    for key in _internal_kv_list(_PREFIX, namespace=_NAMESPACE):
        if key not in running:
            _internal_kv_del(key, namespace=_NAMESPACE)


def _key(job: str) -> bytes:
    return _PREFIX + job.encode()
