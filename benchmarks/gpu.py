"""On a GPU: packs of K members in one process, against separate processes with fractional shares of the GPU.

The work is that of `throughput.py` (8 lanes x 128 steps, 4 epochs x 4 minibatches, two perceptrons 64x64). The separate
processes are Ray actors, each with a processor core and the same share of the GPU, as one that sweeps with Ray Tune
alone would start them: Stable-Baselines3's PPO, and Segue with one member. Their rates are added. The packs run in one
such process, on the GPU and, to see whether that is worth its while, on one core of the same machine; then several
packs share the GPU, as in a sweep.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from functools import partial
from typing import Any, NamedTuple

import ray
import torch
from record import publish
from throughput import MLP, Arm, Case, rate, segue, stable_baselines3

PACKS = (1, 16, 64, 256)
PROCESSES = (1, 4, 16)
PACKED = 16  # members of each process, where packs share the GPU
CASES = (Case("CartPole-v1", MLP, {}), Case("MiniGrid-LavaCrossingS9N1-v0", MLP, {}))
WARM_UP, SECONDS = 1.0, 6.0


class Measured(NamedTuple):
    """What was run, in how many processes, and the environment steps a second of all of them."""

    name: str
    title: str
    rate: float


class Process:
    """One trial's process, with its share of the GPU."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        warnings.filterwarnings("ignore", module="stable_baselines3")
        torch.zeros(1, device="cuda")
        self._arm: Arm | None = None

    def prepare(self, kind: str, case: Case, members: int, device: str) -> None:
        """Make what is measured next, and warm it up."""
        self._arm = stable_baselines3(case.world, device) if kind == "sb3" else segue(case, members, device)
        rate(self._arm, WARM_UP)

    def measure(self, seconds: float) -> float:
        """Environment steps a second."""
        assert self._arm is not None, "prepare comes first"
        steps_a_second = rate(self._arm, seconds)
        torch.cuda.synchronize()
        return steps_a_second


def measured(processes: list[Any], kind: str, case: Case, members: int, device: str, seconds: float) -> float:
    """The sum of the rates of processes that do the same at the same time."""
    ray.get([process.prepare.remote(kind, case, members, device) for process in processes])
    return float(sum(ray.get([process.measure.remote(seconds) for process in processes])))


def compare(case: Case, processes: list[Any], seconds: float) -> list[Measured]:
    """All arms in one world."""
    found, how = [], partial(measured, case=case, seconds=seconds)
    for count in [number for number in PROCESSES if number <= len(processes)]:
        for kind, title in (("sb3", "Stable-Baselines3"), ("segue", "Segue, K = 1")):
            title = f"{title}, {count} process{'es' * (count > 1)} with {1 / count:.3g} of the GPU"
            total = how(processes[:count], kind, members=1, device="cuda")
            found.append(Measured(f"{kind}_{count}_processes", title, total))
    for count in [number for number in PROCESSES[1:] if number <= len(processes)]:
        total = how(processes[:count], "segue", members=PACKED, device="cuda")
        title = f"Segue, K = {PACKED}, {count} processes with {1 / count:.3g} of the GPU"
        found.append(Measured(f"pack_{PACKED}_{count}_processes", title, total))
    for device, place in (("cuda", "on the GPU"), ("cpu", "on one core")):
        for members in PACKS:
            total = how(processes[:1], "segue", members=members, device=device)
            found.append(Measured(f"pack_{members}_{device}", f"Segue, K = {members} in one process {place}", total))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter, about a minute; keeps no record")
    quick = parser.parse_args().quick
    if not torch.cuda.is_available():
        sys.exit("This machine has no GPU that torch can use.")
    ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    most = min(max(PROCESSES), os.cpu_count() or 1)
    process = ray.remote(num_cpus=1, num_gpus=1 / most)(Process)
    processes = [process.remote() for _ in range(most)]
    report({case: compare(case, processes, 0.5 if quick else SECONDS) for case in CASES}, quick)


def report(found: dict[Case, list[Measured]], quick: bool) -> None:
    """Print and keep the rates, and their ratios to the best that separate processes of Stable-Baselines3 reach."""
    figures, rows = {}, []
    for case, arms in found.items():
        peer = max(arm.rate for arm in arms if arm.name.startswith("sb3"))
        rows.append([f"{case.world}", "", ""])
        for arm in arms:
            rows.append([f"  {arm.title}", f"{arm.rate:,.0f}", f"{arm.rate / peer:.1f}"])
            figures[f"{case.name}_{arm.name}"] = arm.rate
            figures[f"ratio_{case.name}_{arm.name}"] = arm.rate / peer
    title = f"Environment steps per second, learning included, {torch.cuda.get_device_name()}"
    columns = ("", "env steps/s", "ratio")
    publish("gpu", " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
