"""How many workers fit at a time on Ray's nodes, and on nodes that it may start."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import ray

from segue.plan.sweeps.sweep import Sweep

_RAYS_NAMES = {"cpu": "CPU", "gpu": "GPU"}
_BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")  # on the head of a cluster that `ray up` started
_KUBERAY = "KUBERAY_GEN_RAY_START_CMD"  # in the pods of a cluster that KubeRay started
Node = Mapping[str, float]


def nodes() -> list[Node]:
    """Return the resources of each node that is alive, by Ray's names ("CPU")."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def autoscales() -> bool:
    """Return whether the driver runs on a cluster that starts nodes on demand."""
    return _BOOTSTRAP.expanduser().exists() or _KUBERAY in os.environ


def workers_at_once(sweep: Sweep, nodes: Sequence[Node], autoscales: bool) -> int | None:
    """Return how many workers fit at a time; None on a cluster that starts nodes for them.

    Raises ValueError if no node has what one trial requests and none can be started.
    """
    fitting = sum(_fitting(sweep.resources, node) for node in nodes)
    if not fitting and not autoscales:
        has = ", ".join(f"{amount:g} {name}" for name, amount in _largest(nodes).items())
        needs = ", ".join(
            f"{amount:g} {_ray_name(name)}" for name, amount in sweep.resources.items()
        )
        raise ValueError(
            f"A trial requests {needs}, but no node has that (at most {has}): request less."
        )
    return None if autoscales else fitting


def _fitting(resources: Mapping[str, float], node: Node) -> int:
    """Return how many workers fit on one node."""
    requested = {_ray_name(name): amount for name, amount in resources.items() if amount}
    if not requested:
        return os.cpu_count() or 1
    return int(min(node.get(name, 0.0) // amount for name, amount in requested.items()))


def _largest(nodes: Sequence[Node]) -> Node:
    """Return the largest number of CPUs and of GPUs that any node has."""
    if not nodes:
        return {}
    return {name: max(node.get(name, 0.0) for node in nodes) for name in _RAYS_NAMES.values()}


def _ray_name(name: str) -> str:
    return _RAYS_NAMES.get(name, name)
