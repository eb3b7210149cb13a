"""Measure what one trial needs of a GPU: memory, share of the time, and speed.

Memory is the decrease in free memory that another process would see. It includes what torch's own
figures omit: the context, and the workspaces of libraries. Kernels are timed by CUPTI, through
torch's profiler; the total time, of which they are a share, is measured without the profiler.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import torch
from torch.profiler import ProfilerActivity, profile

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.settings import SETTING_NAMES
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.sweeps.evaluation import Evaluation
from segue.train.policies import Policy
from segue.train.trainer import Trainer
from segue.worlds.world import AnyWorld

# iterations, iterations, of each stage
WARM_UP = 2
LEAST = 3
SECONDS = 2.0
SPARE = 1.25  # factor on the measured memory: the sweep's other pipelines may need more
_LEAST_SHARE = 1e-4  # as Ray counts
_ENDLESS = 10**12
_OBSERVER = """
import sys, torch
for _ in sys.stdin:
    print(torch.cuda.mem_get_info()[0], flush=True)
"""


@dataclass(frozen=True)
class Need:
    """The needs of one trial on a GPU.

    `memory` and `of_memory` are in bytes, `busy` is a fraction of the time, `rate` is in
    environment steps per second.
    """

    gpu: str
    memory: int
    of_memory: int
    busy: float
    rate: float

    @property
    def trials(self) -> int:
        """Number of such trials for which a GPU has memory and time."""
        return max(1, int(1 / max(SPARE * self.memory / self.of_memory, self.busy, _LEAST_SHARE)))

    def __str__(self) -> str:
        memory = f"{self.memory / 1e9:.1f} of {self.of_memory / 1e9:.0f} GB"
        return (
            f"{memory} of {self.gpu}, busy {self.busy:.0%} of the time, {self.rate:,.0f} env"
            " steps/s"
        )


def gpu_need(
    pipeline: TrainingPipeline,
    world: AnyWorld,
    seeds: Sequence[int],
    evaluation: Evaluation,
    *,
    lanes: int,
    policy: Policy | None,
) -> Need:
    """Measure a few rollouts of every stage, and an evaluation, on the GPU that torch uses.

    The rate is the slowest stage's. Raises what `Trainer.new` raises, and
    torch.cuda.OutOfMemoryError if a whole GPU is too small.
    """
    torch.set_num_threads(1)
    with _free_memory() as free:
        before = free()
        rates = []
        busy = []
        for index in range(len(pipeline)):
            trainer = Trainer.new(
                _stage_alone(pipeline, index),
                world,
                seeds,
                evaluation,
                lanes=lanes,
                policy=policy,
                device="cuda",
            )
            with closing(trainer):
                seconds, steps = _timed(trainer)
                rates.append(steps / seconds)
                busy.append(min(_kernel_seconds(trainer) / seconds, 1.0))
                trainer.evaluate()
        # Other processes may have released memory meanwhile: the need is at least what torch holds.
        taken = max(before - free(), torch.cuda.max_memory_reserved())
    total = torch.cuda.get_device_properties(0).total_memory
    return Need(torch.cuda.get_device_name(), taken, total, max(busy), min(rates))


def _stage_alone(pipeline: TrainingPipeline, index: int) -> TrainingPipeline:
    """Return a stage as a pipeline, without a limit on its steps."""
    stage = pipeline.pipeline_stages[index]
    return TrainingPipeline(
        named_losses=pipeline.named_losses,
        pipeline_stages=[
            PipelineStage(
                stage.loss_name,
                _ENDLESS,
                loss_weights=stage.loss_weights,
                teacher_forcing=stage.teacher_forcing,
                offpolicy_component=stage.offpolicy_component,
            )
        ],
        optimizer_builder=pipeline.optimizer_builder,
        **{name: getattr(pipeline.settings(index), name) for name in SETTING_NAMES},
    )


def _timed(trainer: Trainer) -> tuple[float, float]:
    """Return the seconds of one iteration, and its environment steps."""
    for _ in range(WARM_UP):
        trainer.advance()
    torch.cuda.synchronize()
    began = time.perf_counter()
    steps = trainer.total_env_steps
    iterations = 0
    while iterations < LEAST or time.perf_counter() - began < SECONDS:
        trainer.advance()
        iterations += 1
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / iterations, (
        trainer.total_env_steps - steps
    ) / iterations


def _kernel_seconds(trainer: Trainer) -> float:
    """Return how long kernels and copies run in one iteration, in seconds."""
    with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as profiled:
        trainer.advance()
        torch.cuda.synchronize()
    kernels = [event for event in profiled.key_averages() if not event.self_cpu_time_total]
    return sum(float(event.self_device_time_total) for event in kernels) / 1e6


@contextmanager
def _free_memory() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the GPU's free bytes, as another process sees them."""
    command = [sys.executable, "-c", _OBSERVER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as observer:
        requests = observer.stdin
        responses = observer.stdout
        assert requests is not None and responses is not None

        def free() -> int:
            print(file=requests, flush=True)
            return int(responses.readline())

        yield free
