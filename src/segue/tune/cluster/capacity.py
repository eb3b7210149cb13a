"""How many trials fit at a time: on each of Ray's machines, and on those that a cluster may still
start.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import ray

from segue.plan.sweeps.sweep import Sweep

_RAYS_NAMES = {"cpu": "CPU", "gpu": "GPU"}
_BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")  # on the head of a cluster that `ray up` started
_KUBERAY = "KUBERAY_GEN_RAY_START_CMD"  # in the pods of a cluster that KubeRay started
Machine = Mapping[str, float]


def machines() -> list[Machine]:
    """The resources of each machine that Ray has now, as it names them ("CPU")."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def may_grow() -> bool:
    """Whether the driver runs on a cluster that starts machines when there is work for them."""
    return _BOOTSTRAP.expanduser().exists() or _KUBERAY in os.environ


def trials_at_once(sweep: Sweep, there: Sequence[Machine], grows: bool) -> int | None:
    """How many trials may run at a time; None for as many as there is room for, on a cluster that
    grows.

    Raises ValueError when no machine has what one trial asks for, and none can be started.
    """
    fitting = sum(_fitting(sweep.resources, machine) for machine in there)
    if not fitting and not grows:
        has = ", ".join(f"{amount:g} {name}" for name, amount in _largest(there).items())
        needs = ", ".join(
            f"{amount:g} {_ray_name(name)}" for name, amount in sweep.resources.items()
        )
        raise ValueError(
            f"A trial asks for {needs}, and no machine of Ray has that (at most {has}): ask for"
            " less."
        )
    if sweep.concurrency is not None:
        return sweep.concurrency
    return None if grows else fitting


def _fitting(resources: Mapping[str, float], machine: Machine) -> int:
    """How many trials fit on one machine."""
    asked = {_ray_name(name): amount for name, amount in resources.items() if amount}
    if not asked:
        return os.cpu_count() or 1
    return int(min(machine.get(name, 0.0) // amount for name, amount in asked.items()))


def _largest(there: Sequence[Machine]) -> Machine:
    """The most of each thing that a machine has; what Ray counts for itself is left out."""
    return (
        {name: max(machine.get(name, 0.0) for machine in there) for name in _RAYS_NAMES.values()}
        if there
        else {}
    )


def _ray_name(name: str) -> str:
    return _RAYS_NAMES.get(name, name)
