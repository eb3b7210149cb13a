"""Parts shared by the benchmarks: a PPO pipeline, rates of interleaved arms, and an option."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import optim

from segue import PPO, Builder, PipelineStage, Trainer, TrainingPipeline

Arm = Callable[[], int]
"""One round of work; returns its environment steps."""

Clock = Callable[[], float]
"""Seconds since some moment."""

NEVER = 10**9
"""Environment steps that no benchmark reaches."""

_SETTINGS: Mapping[str, Any] = {
    "num_mini_batch": 4,
    "update_repeats": 4,
    "max_grad_norm": 0.5,
    "num_steps": 128,
    "gamma": 0.99,
    "use_gae": True,
    "gae_lambda": 0.95,
    "advance_scene_rollout_period": None,
    "save_interval": None,
}


def adam_pipeline(
    losses: Mapping[str, Any],
    stages: Sequence[PipelineStage],
    lr: float,
    *,
    eps: float = 1e-5,
    **settings: Any,
) -> TrainingPipeline:
    """Return a pipeline that Adam trains with these settings, and `_SETTINGS` for all others."""
    return TrainingPipeline(
        named_losses=dict(losses),
        pipeline_stages=list(stages),
        optimizer_builder=Builder(optim.Adam, {"lr": lr, "eps": eps}),
        **{**_SETTINGS, **settings},
    )


def ppo_pipeline(lr: float, steps: int, **settings: Any) -> TrainingPipeline:
    """Return one stage of PPO whose hyperparameters are those of Stable-Baselines3's PPO here."""
    ppo = PPO(clip_param=0.2, entropy_coef=0.01, use_clipped_value_loss=False)
    return adam_pipeline({"ppo": ppo}, [PipelineStage(["ppo"], steps)], lr, **settings)


def train(trainer: Trainer) -> float:
    """Train to the end of the pipeline, and return the environment steps per second."""
    start = time.perf_counter()
    while not trainer.done:
        trainer.advance()
    return trainer.total_env_steps / (time.perf_counter() - start)


def rate(arm: Arm, seconds: float, clock: Clock = time.perf_counter) -> float:
    """Return the environment steps per second of an arm, run for at least `seconds`."""
    steps = 0
    start = clock()
    while (elapsed := clock() - start) < seconds:
        steps += arm()
    return steps / elapsed


def interleaved_rates(
    arms: Mapping[str, Arm],
    rounds: int,
    seconds: float,
    warm_up: float,
    clock: Clock = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the rates of each arm in every round, after a first round of `warm_up` seconds.

    Rounds are interleaved, so that other work on the machine disturbs all arms alike.
    """
    rates: dict[str, list[float]] = {name: [] for name in arms}
    for arm in arms.values():
        rate(arm, warm_up, clock)
    for _ in range(rounds):
        for name, arm in arms.items():
            rates[name].append(rate(arm, seconds, clock))
    return rates


def use_one_core() -> None:
    """Restrict this process and torch to one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)


def parser_with_quick(description: str | None, quick: str) -> argparse.ArgumentParser:
    """Return a parser with the option `--quick`, described by `quick`, which writes no record."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"{quick}; writes no record")
    return parser
