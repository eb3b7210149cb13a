"""On a GPU: packs of K members in one process, against separate processes with fractional shares of
the GPU.

The work is that of `throughput.py` (8 lanes x 128 steps, 4 epochs x 4 minibatches, two perceptrons
64x64). The separate processes are Ray actors, each with a processor core and the same share of the
GPU, as one that sweeps with Ray Tune alone would start them: Stable-Baselines3's PPO, and Segue
with one member. Their rates are added. The packs run in one such process, on the GPU and, to see
whether that is worth its while, on one core of the same machine; then several packs share the GPU,
as in a sweep.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import Any, NamedTuple

import ray
import torch
from record import publish
from throughput import MLP, Arm, Case, rate, segue, stable_baselines3

PACKS = (1, 16, 64, 256)
PROCESSES = (1, 4, 16)
PACKED = 16  # members of each process, where packs share the GPU
CASES = (Case("CartPole-v1", MLP, {}), Case("MiniGrid-LavaCrossingS9N1-v0", MLP, {}))
WARM_UP, SECONDS = 0.5, 3.0


class Trials(NamedTuple):
    """What is run: whose trainer with how many members, in how many processes, on which device."""

    kind: str
    members: int
    processes: int = 1
    device: str = "cuda"

    @property
    def name(self) -> str:
        """For figures."""
        return f"{self.kind}_k{self.members}_{self.processes}_{self.device}"

    @property
    def title(self) -> str:
        """For people."""
        what = "Stable-Baselines3" if self.kind == "sb3" else f"Segue, K = {self.members}"
        if self.processes > 1:
            return (
                f"{what}, {self.processes} processes with {1 / self.processes:.3g} of the GPU each"
            )
        return (
            f"{what}, one process"
            f" {'with the whole GPU' if self.device == 'cuda' else 'on one core'}"
        )


def planned(most: int) -> list[Trials]:
    """All that is run in one world, with at most so many processes."""
    counts = [count for count in PROCESSES if count <= most]
    alone = [Trials(kind, 1, count) for kind in ("sb3", "segue") for count in counts]
    packs = [Trials("segue", members, 1, device) for device in ("cuda", "cpu") for members in PACKS]
    shared = [Trials("segue", PACKED, count) for count in counts]
    return list(dict.fromkeys(alone + shared + packs))


class Process:
    """One trial's process, with its share of the GPU."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        warnings.filterwarnings("ignore", module="stable_baselines3")
        torch.zeros(1, device="cuda")
        self._arm: Arm | None = None

    def prepare(self, trials: Trials, case: Case) -> None:
        """Make what is measured next, and warm it up."""
        if trials.kind == "sb3":
            self._arm = stable_baselines3(case.world, trials.device)
        else:
            self._arm = segue(case, trials.members, trials.device)
        rate(self._arm, WARM_UP)

    def measure(self, seconds: float) -> float:
        """Environment steps a second."""
        assert self._arm is not None, "prepare comes first"
        steps_a_second = rate(self._arm, seconds)
        torch.cuda.synchronize()
        return steps_a_second


def measured(processes: list[Any], case: Case, trials: Trials, seconds: float) -> float:
    """The sum of the rates of processes that do the same at the same time."""
    used = processes[: trials.processes]
    ray.get([process.prepare.remote(trials, case) for process in used])
    total = float(sum(ray.get([process.measure.remote(seconds) for process in used])))
    print(f"{case.world}: {trials.title}: {total:,.0f} env steps/s", file=sys.stderr, flush=True)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="shorter, about a minute; keeps no record"
    )
    quick = parser.parse_args().quick
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
    """Print and keep the rates, and their ratios to the best that separate processes of
    Stable-Baselines3 reach.
    """
    figures, rows = {}, []
    for case, rates in found:
        peer = max(rate for trials, rate in rates.items() if trials.kind == "sb3")
        rows.append([case.world, "", ""])
        for trials, steps_a_second in rates.items():
            rows.append(
                [f"  {trials.title}", f"{steps_a_second:,.0f}", f"{steps_a_second / peer:.1f}"]
            )
            figures[f"{case.name}_{trials.name}"] = steps_a_second
            figures[f"ratio_{case.name}_{trials.name}"] = steps_a_second / peer
    title = f"Environment steps per second, learning included, {torch.cuda.get_device_name()}"
    columns = ("", "env steps/s", "ratio")
    publish("gpu", " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
