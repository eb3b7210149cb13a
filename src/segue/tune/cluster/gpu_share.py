"""Measure the share of a GPU that the trials of a sweep need."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import ray
from ray.exceptions import GetTimeoutError, RayTaskError

from segue.plan.sweeps.checks import AUTO
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.setup import TrialSetup
from segue.plan.sweeps.sweep import Sweep
from segue.train import check_trial, member_seeds
from segue.tune.cluster.capacity import Node
from segue.tune.cluster.parcel import Parcel
from segue.tune.failures import is_out_of_memory
from segue.worlds import WorldSpec, world_spec

if TYPE_CHECKING:
    from segue.train.trials.gpu_need import Need

_GPU = "gpu"
_UNIT = 10_000  # Ray counts shares in ten-thousandths
SECONDS = 900.0  # time for a cluster to start a node with a GPU
Probe = Callable[[Sweep, TrialSetup], "Need"]


def with_gpu_share(
    sweep: Sweep,
    corners: Corners,
    nodes: Sequence[Node],
    autoscales: bool,
    notify: Callable[[str], object],
    probe: Probe | None = None,
) -> Sweep:
    """Return the sweep with a number in place of an "auto" share of a GPU; return others unchanged.

    Ray runs the probe where it has a whole free GPU; `probe` replaces the default one. Without a
    GPU, trials request none. Raises ValueError if no GPU becomes free in time, or if a whole one is
    too small.
    """
    if sweep.resources.get(_GPU) != AUTO:
        return sweep
    others = {name: amount for name, amount in sweep.resources.items() if name != _GPU}
    if not autoscales and not any(node.get("GPU") for node in nodes):
        notify("Ray has no GPU: trials run on processors.")
        return replace(sweep, resources=others or {"cpu": 1})
    notify("Measuring the share of a GPU that a trial needs ...")
    need = _measured(sweep, corners, probe or need_of)
    share = share_of(need)
    notify(f"A trial needs {need}: each gets {share:g} of a GPU.")
    return replace(sweep, resources={**others, _GPU: share})


def share_of(need: "Need") -> float:
    """Return the share that lets as many trials run on a GPU as fit in its memory and time.

    It is rounded down to Ray's resolution.

    >>> from segue.train.trials.gpu_need import Need
    >>> share_of(Need("A GPU", memory=10, of_memory=100, busy=0.3, rate=1000.0))
    0.3333
    """
    return _UNIT // need.trials / _UNIT


def largest(corners: Corners) -> TrialSetup:
    """Return the setup with the most work in a mini-batch, and among equals in a rollout.

    Work is samples times the policy's parameters.
    """
    return max(corners.setups, key=lambda setup: _size(setup, world_spec(setup.world)))


def need_of(sweep: Sweep, setup: TrialSetup) -> "Need":
    """Return what a trial of this setup needs of the GPU that torch sees."""
    from segue.train.trials.gpu_need import gpu_need  # imports the profiler: in a worker

    seeds = member_seeds(sweep.seed, sweep.seeds)
    return gpu_need(
        setup.pipeline,
        setup.world,
        seeds,
        setup.evaluation,
        lanes=setup.lanes,
        policy=setup.policy,
    )


def _measured(sweep: Sweep, corners: Corners, probe: Probe) -> "Need":
    remote = ray.remote(num_cpus=sweep.resources.get("cpu", 0), num_gpus=1, max_retries=0)(_opened)
    result = remote.remote(probe, Parcel.of(sweep, largest(corners)))
    try:
        need: Need = ray.get(result, timeout=SECONDS)
    except GetTimeoutError as error:
        ray.cancel(result)
        minutes = SECONDS / 60
        raise ValueError(
            f"Ray had no free GPU for {minutes:.0f} minutes: wait, or give a share as --gpus."
        ) from error
    except RayTaskError as error:
        if is_out_of_memory(error.cause):
            raise ValueError(
                "A trial does not fit on a whole GPU: use fewer seeds, lanes or steps."
            ) from error
        raise
    return need


def _opened(probe: Probe, parcel: Parcel) -> "Need":
    return probe(*parcel.open())


def _size(setup: TrialSetup, world: WorldSpec) -> tuple[float, int]:
    settings = [setup.pipeline.settings(index) for index in range(len(setup.pipeline))]
    policy = check_trial(setup.pipeline, world, setup.lanes, setup.policy)
    work = setup.lanes * policy.parameters
    return work * max(each.num_steps / each.num_mini_batch for each in settings), work * max(
        each.num_steps for each in settings
    )
