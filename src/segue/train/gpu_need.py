"""What one trial takes of a GPU: how much memory, for how much of the time its kernels run, and how
fast it is there.

Memory is what a process beside it sees vanish, which counts what torch's own figures leave out: the
context, and the workspaces of libraries. Kernels are timed by CUPTI, through torch's profiler; the
time that they are a share of is measured without it.
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
from segue.worlds.world import WorldFactory

# iterations, iterations, of each stage
WARM_UP = 2
LEAST = 3
SECONDS = 2.0
SPARE = (
    1.25  # memory beside what was seen: later stages of the sweep's other pipelines may take more
)
_LEAST_SHARE = 1e-4  # as Ray counts
_ENDLESS = 10**12
_OBSERVER = """
import sys, torch
for _ in sys.stdin:
    print(torch.cuda.mem_get_info()[0], flush=True)
"""


@dataclass(frozen=True)
class Need:
    """What one trial takes of a GPU: `memory` and `of_memory` in bytes, `busy` of the time, `rate`
    in env steps/s.
    """

    gpu: str
    memory: int
    of_memory: int
    busy: float
    rate: float

    @property
    def trials(self) -> int:
        """How many such trials a GPU has the memory and the time for."""
        return max(1, int(1 / max(SPARE * self.memory / self.of_memory, self.busy, _LEAST_SHARE)))

    def __str__(self) -> str:
        memory = f"{self.memory / 1e9:.1f} of {self.of_memory / 1e9:.0f} GB"
        return (
            f"{memory} of {self.gpu}, busy {self.busy:.0%} of the time, {self.rate:,.0f} env"
            " steps/s"
        )


def gpu_need(
    pipeline: TrainingPipeline,
    world: str | WorldFactory,
    seeds: Sequence[int],
    evaluation: Evaluation,
    *,
    lanes: int,
    policy: Policy | None,
) -> Need:
    """Train a few rollouts of every stage, and evaluate, on the GPU that torch uses; the slowest
    stage's rate counts.

    Raises what `Trainer.new` raises, and torch.cuda.OutOfMemoryError where a whole GPU is too
    small.
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
        # Others may have given memory back meanwhile: it is what torch holds at the least.
        taken = max(before - free(), torch.cuda.max_memory_reserved())
    total = torch.cuda.get_device_properties(0).total_memory
    return Need(torch.cuda.get_device_name(), taken, total, max(busy), min(rates))


def _stage_alone(pipeline: TrainingPipeline, index: int) -> TrainingPipeline:
    """That stage without an end, as a pipeline."""
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
    """Seconds of one iteration, and the environment steps in it."""
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
    """For how long kernels and copies run in one iteration."""
    with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as profiled:
        trainer.advance()
        torch.cuda.synchronize()
    kernels = [event for event in profiled.key_averages() if not event.self_cpu_time_total]
    return sum(float(event.self_device_time_total) for event in kernels) / 1e6


@contextmanager
def _free_memory() -> Iterator[Callable[[], int]]:
    """A function that says how many bytes the GPU has free, as another process sees it."""
    command = [sys.executable, "-c", _OBSERVER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as observer:
        questions = observer.stdin
        answers = observer.stdout
        assert questions is not None and answers is not None

        def free() -> int:
            print(file=questions, flush=True)
            return int(answers.readline())

        yield free
