"""Environment steps per second on one core, learning included: Segue against Stable-Baselines3.

All arms use 8 lanes x 128 steps, 4 epochs x 4 minibatches and Adam. Segue trains K members, on
CartPole and MiniGrid's flat view with two 64x64 perceptrons, and on MiniGrid also with a
convolution and a GRU of 128 units. Stable-Baselines3 has no counterpart to the latter, which is
compared with its perceptrons. MiniGrid is the `minigrid` package there and the array engine here.
Rounds are interleaved, so that other work on the machine disturbs all arms alike; the figures are
medians over rounds.
"""

from __future__ import annotations

import os
import statistics
import sys
import warnings
from collections.abc import Sequence
from typing import NamedTuple

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

from common import NEVER, Arm, interleaved_rates, parser_with_quick, ppo_pipeline, use_one_core
from record import publish

from segue import Evaluation, Mlp, Network, Trainer
from segue.train.policies import Policy
from segue.train.side_by_side import advance_together

LANES = 8
STEPS = 128
EPOCHS = 4
MINIBATCHES = 4
LR = 2.5e-4
ROLLOUT = LANES * STEPS
MLP = "MLP"
CONVOLUTION = "conv + GRU"
POLICIES: dict[str, Policy] = {MLP: Mlp(), CONVOLUTION: Network("gru", hidden=128)}


class Case(NamedTuple):
    """A world, a policy, and the target ratio to the peer's rate for each number of members."""

    world: str
    policy: str
    targets: dict[int, float | None]

    @property
    def name(self) -> str:
        """The name of the case in the figures."""
        kind = "" if self.policy == MLP else "_conv_gru"
        return f"{self.world.removeprefix('MiniGrid-').split('-v')[0].lower()}{kind}"


CASES = (
    Case("CartPole-v1", MLP, {1: 3.0, 4: 7.0, 16: 10.0, 64: 10.0}),
    Case("MiniGrid-DoorKey-5x5-v0", MLP, {1: 5.0, 4: None, 16: 12.0}),
    Case("MiniGrid-DoorKey-5x5-v0", CONVOLUTION, {1: None, 4: None, 16: None}),
    Case("MiniGrid-LavaCrossingS9N1-v0", MLP, {1: 5.0, 4: None, 16: 12.0}),
    Case("MiniGrid-LavaCrossingS9N1-v0", CONVOLUTION, {1: None, 4: None, 16: None}),
)


TRIALS = 8
SHARED = CASES[:2]
"""Of which that many trials of one seed also share a pack."""


def new_trainer(case: Case, seeds: Sequence[int], device: str = "cpu", lr: float = LR) -> Trainer:
    """Return a trainer of one member per seed."""
    return Trainer.new(
        ppo_pipeline(
            lr,
            NEVER,
            num_mini_batch=MINIBATCHES,
            update_repeats=EPOCHS,
            num_steps=STEPS,
            metric_accumulate_interval=ROLLOUT,
        ),
        case.world,
        seeds,
        Evaluation(every=NEVER),
        lanes=LANES,
        policy=POLICIES[case.policy],
        device=device,
    )


def segue(case: Case, members: int, device: str = "cpu") -> Arm:
    """Return an arm that runs one iteration of a pack."""
    trainer = new_trainer(case, range(members), device)

    def iterate() -> int:
        trainer.advance()
        return members * ROLLOUT

    return iterate


def segue_trials(case: Case, trials: int) -> Arm:
    """Return an arm that runs one iteration of trials of one seed, which share a pack."""
    trainers = [new_trainer(case, [seed], lr=LR * (1 + seed)) for seed in range(trials)]

    def iterate() -> int:
        advance_together(trainers)
        return trials * ROLLOUT

    return iterate


def stable_baselines3(world: str, device: str = "cpu") -> Arm:
    """Return an arm that runs Stable-Baselines3's PPO with its own vector environment and loop."""
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
        # Several rollouts per call share the overhead of `learn`.
        model.learn(4 * ROLLOUT, reset_num_timesteps=False)
        return 4 * ROLLOUT

    return iterate


def main() -> None:
    quick = (
        parser_with_quick(__doc__, "fewer and shorter rounds, some three minutes")
        .parse_args()
        .quick
    )
    warnings.filterwarnings("ignore", module="stable_baselines3")
    use_one_core()
    arms = {
        f"sb3 {world}": stable_baselines3(world)
        for world in dict.fromkeys(case.world for case in CASES)
    }
    arms |= {
        f"{case.name}_k{members}": segue(case, members)
        for case in CASES
        for members in case.targets
    }
    arms |= {f"{case.name}_trials{TRIALS}": segue_trials(case, TRIALS) for case in SHARED}
    rounds, seconds = (3, 1.5) if quick else (9, 4.0)
    report(interleaved_rates(arms, rounds, seconds, warm_up=0.5), quick)


def report(rates: dict[str, list[float]], quick: bool) -> None:
    """Publish the medians, and the ratios to Stable-Baselines3 in the same round."""
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
    for case in SHARED:
        shared, single = (rates[f"{case.name}_{arm}"] for arm in (f"trials{TRIALS}", "k1"))
        gain = statistics.median(mine / other for mine, other in zip(shared, single, strict=True))
        figures[f"gain_{case.name}_trials{TRIALS}"] = gain
        name = f"{case.world}: {TRIALS} trials in one process, to 1"
        rows.append([name, f"{statistics.median(shared):,.0f}", f"{gain:.1f}", ""])
    columns = ("one core", "env steps/s", "ratio", "target")
    title = "Environment steps per second, learning included"
    publish("throughput", " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
