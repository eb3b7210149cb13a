"""Trials per hour: Segue's sweep, with several trials in a worker and with one, and
Stable-Baselines3 under Tune.

Every trial: PPO on CartPole for 51,200 steps on one seed, 8 lanes x 128 steps, 4 epochs x 4
minibatches, learning rate log-uniform in [1e-4, 3e-3], and 5 evaluations of 10 greedy episodes. Two
workers in all arms. The clock runs over the whole run, from before the start of Ray until after its
end. Arms are interleaved, and the figures are medians over rounds.

Sweeps other than the one of CartPole (`--sweep`) compare several trials in a worker with one.

The driver's cost of 300 trials that learn nothing is measured first (driver_cost.py).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ.update(THREADS)

import numpy as np
import optuna
from common import parser_with_quick, ppo_pipeline
from cpu_time import CpuTime
from driver_cost import TARGET_MS, TRIALS, driver_cost
from ray import tune
from record import publish
from rich.console import Console

from segue import Evaluation, Network, Sweep, TrainingPipeline, run_sweep
from segue.tune.cluster.session import ray_session, suppress_ray_warnings

WORKERS = 2
PROCESSORS = max(1, (os.cpu_count() or 1) // WORKERS)
LANES = 8
STEPS = 128
EPOCHS = 4
MINIBATCHES = 4
TOTAL = 51_200
EVERY = 10_240
EPISODES = 10
LOWEST = 1e-4
HIGHEST = 3e-3


def pipeline(lr: float) -> TrainingPipeline:
    """Return one stage of PPO."""
    return ppo_pipeline(
        lr,
        TOTAL,
        num_mini_batch=MINIBATCHES,
        update_repeats=EPOCHS,
        num_steps=STEPS,
        save_interval=EVERY,
        metric_accumulate_interval=2_048,
    )


def learning_rates(trials: int) -> list[float]:
    """Return the learning rates, which are the same for every arm."""
    draws = np.random.default_rng(0).uniform(np.log(LOWEST), np.log(HIGHEST), trials)
    return [float(lr) for lr in np.exp(draws)]


@dataclass(frozen=True)
class Kind:
    """A kind of sweep: what is given to `Sweep`, and how many trials it has."""

    trials: int
    given: Mapping[str, Any]


LAVA = {
    "world": "MiniGrid-LavaCrossingS9N1-v0",
    "policy": Network("gru", hidden=128),
    "evaluation": Evaluation(every=EVERY, episodes=EPISODES, max_episode_steps=100),
}
KINDS = {
    "cartpole": Kind(128, {}),
    "asha": Kind(128, {"scheduler": "asha"}),
    "seeds": Kind(32, {"seeds": 4}),
    "doorkey": Kind(32, {"world": "MiniGrid-DoorKey-5x5-v0"}),
    "acrobot": Kind(16, {"world": "Acrobot-v1"}),
    "lava": Kind(8, LAVA),
}


def segue_sweep(kind: str, trials: int, rows: int | Literal["auto"]) -> float:
    """Measure Segue through Tune, with the study, checkpoints and logs of every sweep."""
    requested: dict[str, Any] = {
        "pipeline": pipeline,
        "space": {"lr": tune.grid_search(learning_rates(trials))},
        "world": "CartPole-v1",
        "evaluation": Evaluation(every=EVERY, episodes=EPISODES),
        "lanes": LANES,
        "resources": {"cpu": PROCESSORS},
        "rows": rows,
    }
    sweep = Sweep(**(requested | dict(KINDS[kind].given)))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere)
        result = run_sweep(sweep, "rate", Path(folder) / "run", console=console)
        seconds = time.perf_counter() - began
        check_ended(result.run.study, trials)
    return 3600 * trials / seconds


def check_ended(study: Path, trials: int) -> None:
    """Check that all trials have ended, and that none has failed."""
    loaded = optuna.load_study(study_name="rate", storage=f"sqlite:///{study}")
    states = [trial.state.name for trial in loaded.trials]
    assert len(states) == trials and set(states) <= {"COMPLETE", "PRUNED"}


def stable_baselines3(trials: int) -> float:
    """Measure Stable-Baselines3 as a function under Tune, with `reuse_actors`."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, suppress_ray_warnings(), ray_session():
        results = tune.Tuner(
            tune.with_resources(train_sb3, {"cpu": PROCESSORS}),
            param_space={"lr": tune.grid_search(learning_rates(trials))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=WORKERS),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
    assert len(results) == trials and not results.errors
    return 3600 * trials / (time.perf_counter() - began)


def train_sb3(config: dict[str, float]) -> None:
    """Train one trial of Stable-Baselines3, evaluated as often and on as many episodes."""
    import torch
    from stable_baselines3 import PPO as SB3
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    evaluation = make_vec_env("CartPole-v1", EPISODES)
    model = SB3(
        "MlpPolicy",
        make_vec_env("CartPole-v1", LANES),
        n_steps=STEPS,
        batch_size=LANES * STEPS // MINIBATCHES,
        n_epochs=EPOCHS,
        learning_rate=config["lr"],
        ent_coef=0.01,
        device="cpu",
    )
    for _ in range(TOTAL // EVERY):
        model.learn(EVERY, reset_num_timesteps=False)
        score, _ = evaluate_policy(model, evaluation, n_eval_episodes=EPISODES)
        tune.report({"return": float(score)})


def main() -> None:
    parser = parser_with_quick(__doc__, "one round of 16 trials, three minutes")
    parser.add_argument("--sweep", choices=[*KINDS], default="cartpole", help="what is trained")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument(
        "--driver",
        action="store_true",
        help="measure only the driver's cost of a trial (driver_cost.py)",
    )
    options = parser.parse_args()
    quick = options.quick
    kind = options.sweep
    if options.driver or kind == "cartpole":
        report_driver(driver_cost(40 if quick else TRIALS), quick)
    if options.driver:
        return
    trials = 16 if quick else KINDS[kind].trials
    arms: dict[str, Callable[[], float]] = {
        "rows_1": lambda: segue_sweep(kind, trials, 1),
        "rows_auto": lambda: segue_sweep(kind, trials, "auto"),
    }
    if kind == "cartpole":
        arms["tune_sb3"] = lambda: stable_baselines3(trials)
    measured: dict[str, list[float]] = {name: [] for name in arms}
    used: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(1 if quick else options.rounds):
        for name, arm in arms.items():
            with CpuTime() as time_used:
                measured[name].append(arm())
            used[name].append(time_used.seconds / trials)
    report(kind, trials, measured, used, quick)


def report_driver(figures: dict[str, float], quick: bool) -> None:
    """Publish the driver's cost of a trial."""
    named = {
        "wall_ms": "wall time",
        "driver_ms": "CPU time of the driver",
        "study_ms": "of which in the study:",
    }
    rows = [
        [
            named.get(name, f"  {name.removesuffix('_ms')}"),
            f"{value:.1f}",
            f"{TARGET_MS:.0f}" if name == "wall_ms" else "",
        ]
        for name, value in figures.items()
    ]
    columns = ("a trial of 3 stages, 2 at a time", "ms", "target")
    publish(
        "driver_cost",
        " ".join(sys.argv),
        "The driver's cost of a trial",
        columns,
        rows,
        figures,
        keep=not quick,
    )


def report(
    kind: str,
    trials: int,
    measured: dict[str, list[float]],
    used: dict[str, list[float]],
    quick: bool,
) -> None:
    """Publish the medians, and the ratios of the default to its peers.

    `measured` are trials per hour, `used` CPU seconds per trial.
    """
    figures = {name: statistics.median(values) for name, values in measured.items()}
    for peer in measured.keys() - {"rows_auto"}:
        pairs = zip(measured["rows_auto"], measured[peer], strict=True)
        figures[f"ratio_{peer}"] = statistics.median(own / other for own, other in pairs)
    cpu = {name: statistics.median(values) for name, values in used.items()}
    figures |= {f"cpu_s_{name}": seconds for name, seconds in cpu.items()}
    named = {
        "rows_auto": "several trials in a worker",
        "rows_1": "one trial in a worker",
        "tune_sb3": "Stable-Baselines3 through Tune",
    }
    targets = {"rows_1": "2", "tune_sb3": "6"} if kind == "cartpole" else {}
    rows = [
        [
            named[name],
            f"{figures[name]:,.0f}",
            f"{figures[f'ratio_{name}']:.2f}" if name != "rows_auto" else "",
            targets.get(name, ""),
            f"{cpu[name]:.2f}",
        ]
        for name in measured
    ]
    columns = ("two workers", "trials/h", "several are x", "target", "CPU s per trial")
    title = f"{trials} trials ({kind}) per hour, with the start of Ray"
    name = "sweep_rate" if kind == "cartpole" else f"sweep_rate_{kind}"
    publish(name, " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
