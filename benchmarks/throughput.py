"""How many environment steps a second, learning included, on one core: Segue with K members against
Stable-Baselines3.

8 lanes x 128 steps, 4 epochs x 4 minibatches, Adam: the same for all. CartPole and MiniGrid's flat
view with two perceptrons 64x64; MiniGrid also with Segue's convolution and GRU of 128 units, for
which Stable-Baselines3 has no counterpart, so that it stands beside its perceptrons. MiniGrid is
the `minigrid` package there, the array engine here. Rounds are interleaved, so that a noisy machine
is noisy for everyone; the figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import torch
from record import publish
from torch import optim

from segue.experiment_utils import Builder, PipelineStage, TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.train import PPO, Mlp, Network, Trainer
from segue.train.policies import Policy

LANES, STEPS, EPOCHS, MINIBATCHES, LR = 8, 128, 4, 4, 2.5e-4
ROLLOUT = LANES * STEPS
MLP, CONVOLUTION = "MLP", "conv + GRU"
POLICIES: dict[str, Policy] = {MLP: Mlp(), CONVOLUTION: Network("gru", hidden=128)}


class Case(NamedTuple):
    """A world, a policy, and for each number of members how many times the peer's rate is aimed at."""

    world: str
    policy: str
    targets: dict[int, float | None]

    @property
    def name(self) -> str:
        """For figures."""
        kind = "" if self.policy == MLP else "_conv_gru"
        return f"{self.world.removeprefix('MiniGrid-').split('-v')[0].lower()}{kind}"


CASES = (
    Case("CartPole-v1", MLP, {1: 3.0, 4: 7.0, 16: 10.0, 64: 10.0}),
    Case("MiniGrid-DoorKey-5x5-v0", MLP, {1: 5.0, 4: None, 16: 12.0}),
    Case("MiniGrid-DoorKey-5x5-v0", CONVOLUTION, {1: None, 4: None, 16: None}),
    Case("MiniGrid-LavaCrossingS9N1-v0", MLP, {1: 5.0, 4: None, 16: 12.0}),
    Case("MiniGrid-LavaCrossingS9N1-v0", CONVOLUTION, {1: None, 4: None, 16: None}),
)

Arm = Callable[[], int]


def segue(case: Case, members: int, device: str = "cpu") -> Arm:
    """One iteration of a pack; returns its environment steps."""
    pipeline = TrainingPipeline(
        named_losses={"ppo": PPO(clip_param=0.2, entropy_coef=0.01, use_clipped_value_loss=False)},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=10**9)],
        optimizer_builder=Builder(optim.Adam, {"lr": LR, "eps": 1e-5}),
        num_mini_batch=MINIBATCHES,
        update_repeats=EPOCHS,
        max_grad_norm=0.5,
        num_steps=STEPS,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=None,
        metric_accumulate_interval=ROLLOUT,
    )
    judge, policy = Evaluation(every=10**9), POLICIES[case.policy]
    trainer = Trainer.new(
        pipeline, case.world, range(members), judge, lanes=LANES, policy=policy, device=device
    )

    def iterate() -> int:
        trainer.advance()
        return members * ROLLOUT

    return iterate


def stable_baselines3(world: str, device: str = "cpu") -> Arm:
    """Iterations of Stable-Baselines3's PPO with its own vector environment and loop."""
    from gymnasium import Env
    from minigrid.wrappers import ImgObsWrapper
    from stable_baselines3 import PPO as SB3
    from stable_baselines3.common.env_util import make_vec_env

    def image(environment: Env) -> Env:
        wrapped: Env = ImgObsWrapper(environment) if world.startswith("MiniGrid") else environment
        return wrapped

    model = SB3(
        "MlpPolicy",
        make_vec_env(world, LANES, wrapper_class=image),
        n_steps=STEPS,
        batch_size=ROLLOUT // MINIBATCHES,
        n_epochs=EPOCHS,
        learning_rate=LR,
        ent_coef=0.01,
        policy_kwargs={"net_arch": [64, 64], "normalize_images": False},
        device=device,
    )

    def iterate() -> int:
        model.learn(
            4 * ROLLOUT, reset_num_timesteps=False
        )  # several, so that `learn`'s own overhead is shared
        return 4 * ROLLOUT

    return iterate


def rate(arm: Arm, seconds: float) -> float:
    """Environment steps a second over at least `seconds`."""
    steps, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        steps += arm()
    return steps / passed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer and shorter rounds, some three minutes; keeps no record",
    )
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore", module="stable_baselines3")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    arms = {
        f"sb3 {world}": stable_baselines3(world)
        for world in dict.fromkeys(case.world for case in CASES)
    }
    arms |= {
        f"{case.name}_k{members}": segue(case, members)
        for case in CASES
        for members in case.targets
    }
    rounds, seconds = (3, 1.5) if quick else (9, 4.0)
    rates: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(rounds + 1):
        for name, arm in arms.items():
            measured = rate(arm, seconds if turn else 0.5)  # the first turn warms up
            if turn:
                rates[name].append(measured)
    report(rates, quick)


def report(rates: dict[str, list[float]], quick: bool) -> None:
    """Print and keep the medians and the ratios to Stable-Baselines3 of the same round."""
    figures = {name.replace(" ", "_"): statistics.median(values) for name, values in rates.items()}
    rows = []
    for case in CASES:
        peer = rates[f"sb3 {case.world}"]
        if case.policy == MLP:
            rows.append(
                [f"{case.world}: Stable-Baselines3", f"{statistics.median(peer):,.0f}", "1.0", ""]
            )
        for members, target in case.targets.items():
            own = rates[f"{case.name}_k{members}"]
            ratio = statistics.median(mine / other for mine, other in zip(own, peer, strict=True))
            figures[f"ratio_{case.name}_k{members}"] = ratio
            aim = f"{target:.0f}" if target else ""
            rows.append(
                [
                    f"  {case.policy}, K = {members}",
                    f"{statistics.median(own):,.0f}",
                    f"{ratio:.1f}",
                    aim,
                ]
            )
    columns = ("one core", "env steps/s", "ratio", "target")
    title = "Environment steps per second, learning included"
    publish("throughput", " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
