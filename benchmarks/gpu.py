"""Packs of K members in one process on a GPU, against processes that share the GPU.

The work is that of `throughput.py` (8 lanes x 128 steps, 4 epochs x 4 minibatches, two 64x64
perceptrons). The separate processes are Ray actors, each with a CPU core and an equal share of the
GPU, as a sweep with Ray Tune alone would start them: Stable-Baselines3's PPO, and Segue with one
member. Their rates are added. The packs run in one such process, on the GPU and for comparison on
one core of the same machine. Finally several packs share the GPU, as in a sweep.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any, NamedTuple

import ray
import torch
from common import Arm, parser_with_quick, rate
from record import publish
from throughput import MLP, Case, segue, stable_baselines3

PACKS = (1, 16, 64, 256)
PROCESSES = (1, 4, 16)
PACKED = 16  # members per process if packs share the GPU
CASES = (Case("CartPole-v1", MLP, {}), Case("MiniGrid-LavaCrossingS9N1-v0", MLP, {}))
WARM_UP = 0.5
SECONDS = 3.0


class Trials(NamedTuple):
    """A trainer with a number of members, in a number of processes, on a device."""

    kind: str
    members: int
    processes: int = 1
    device: str = "cuda"

    @property
    def name(self) -> str:
        """The name in the figures."""
        return f"{self.kind}_k{self.members}_{self.processes}_{self.device}"

    @property
    def title(self) -> str:
        """The title in the table."""
        what = "Stable-Baselines3" if self.kind == "sb3" else f"Segue, K = {self.members}"
        if self.processes > 1:
            return (
                f"{what}, {self.processes} processes with {1 / self.processes:.3g} of the GPU each"
            )
        where = "with the whole GPU" if self.device == "cuda" else "on one core"
        return f"{what}, one process {where}"


def planned(most: int) -> list[Trials]:
    """Return all measurements in one world, with at most `most` processes."""
    counts = [count for count in PROCESSES if count <= most]
    alone = [Trials(kind, 1, count) for kind in ("sb3", "segue") for count in counts]
    packs = [Trials("segue", members, 1, device) for device in ("cuda", "cpu") for members in PACKS]
    shared = [Trials("segue", PACKED, count) for count in counts]
    return list(dict.fromkeys(alone + shared + packs))


class Process:
    """The process of a trial, with its share of the GPU."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        warnings.filterwarnings("ignore", module="stable_baselines3")
        torch.zeros(1, device="cuda")
        self._arm: Arm | None = None

    def prepare(self, trials: Trials, case: Case) -> None:
        """Create the arm that is measured next, and warm it up."""
        if trials.kind == "sb3":
            self._arm = stable_baselines3(case.world, trials.device)
        else:
            self._arm = segue(case, trials.members, trials.device)
        rate(self._arm, WARM_UP)

    def measure(self, seconds: float) -> float:
        """Return the environment steps per second of the prepared arm."""
        assert self._arm is not None, "call prepare first"
        steps_per_second = rate(self._arm, seconds)
        torch.cuda.synchronize()
        return steps_per_second


def measured(processes: list[Any], case: Case, trials: Trials, seconds: float) -> float:
    """Return the sum of the rates of processes that do the same work at the same time."""
    used = processes[: trials.processes]
    ray.get([process.prepare.remote(trials, case) for process in used])
    total = float(sum(ray.get([process.measure.remote(seconds) for process in used])))
    print(f"{case.world}: {trials.title}: {total:,.0f} env steps/s", file=sys.stderr, flush=True)
    return total


def main() -> None:
    quick = parser_with_quick(__doc__, "shorter, about a minute").parse_args().quick
    if not torch.cuda.is_available():
        sys.exit("This machine has no GPU that torch can use.")
    ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    most = min(max(PROCESSES), os.cpu_count() or 1)
    process = ray.remote(num_cpus=1, num_gpus=1 / most)(Process)
    processes = [process.remote() for _ in range(most)]
    seconds = 0.5 if quick else SECONDS
    found = [
        (case, {each: measured(processes, case, each, seconds) for each in planned(most)})
        for case in CASES
    ]
    report(found, quick)


def report(found: list[tuple[Case, dict[Trials, float]]], quick: bool) -> None:
    """Publish the rates, and their ratios to the best rate of Stable-Baselines3."""
    figures = {}
    rows = []
    for case, rates in found:
        peer = max(rate for trials, rate in rates.items() if trials.kind == "sb3")
        rows.append([case.world, "", ""])
        for trials, steps_per_second in rates.items():
            rows.append(
                [f"  {trials.title}", f"{steps_per_second:,.0f}", f"{steps_per_second / peer:.1f}"]
            )
            figures[f"{case.name}_{trials.name}"] = steps_per_second
            figures[f"ratio_{case.name}_{trials.name}"] = steps_per_second / peer
    title = f"Environment steps per second, learning included, {torch.cuda.get_device_name()}"
    columns = ("", "env steps/s", "ratio")
    publish("gpu", " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
