"""Trials per hour: Segue's sweep, its trainer without Tune, and Stable-Baselines3 under Tune.

Every trial: PPO on CartPole for 51,200 steps on one seed, 8 lanes x 128 steps, 4 epochs x 4
minibatches, learning rate log-uniform in [1e-4, 3e-3], and 5 evaluations of 10 greedy episodes. Two
trials at a time. In each arm the first two trials warm up (processes start, libraries are
imported); the clock runs from the end of the second to the end of the last, which excludes the
start of Ray. Arms are interleaved, and the figures are medians over rounds.

The driver's cost of 300 trials that learn nothing is measured first (driver_cost.py).
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ.update(THREADS)

import numpy as np
import optuna
from common import parser_with_quick, ppo_pipeline
from driver_cost import TARGET_MS, TRIALS, driver_cost
from ray import tune
from record import publish
from rich.console import Console

from segue import Evaluation, Options, Sweep, TrainingPipeline, TrialSpec, run_sweep, run_trial
from segue.tune.cluster.session import ray_session, suppress_ray_warnings

SLOTS = 2
WARM_UP = 2
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


def per_hour(ends: list[float]) -> float:
    """Return trials per hour after the warm-up, from the times at which they ended."""
    ordered = sorted(ends)
    return 3600 * (len(ordered) - WARM_UP) / (ordered[-1] - ordered[WARM_UP - 1])


def segue_sweep(trials: int) -> float:
    """Measure Segue through Tune, with the study, checkpoints and logs of every sweep."""
    sweep = Sweep(
        pipeline=pipeline,
        space={"lr": tune.grid_search(learning_rates(trials))},
        world="CartPole-v1",
        evaluation=Evaluation(every=EVERY, episodes=EPISODES),
        lanes=LANES,
    )
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        result = run_sweep(
            sweep,
            "rate",
            Path(folder) / "run",
            Options(concurrency=SLOTS),
            console=Console(file=nowhere),
        )
        return per_hour(ends_in(result.run.study))


def ends_in(study: Path) -> list[float]:
    """Return the times at which the trials of a study ended, in seconds."""
    loaded = optuna.load_study(study_name="rate", storage=f"sqlite:///{study}")
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in loaded.trials)
    return [
        trial.datetime_complete.timestamp() for trial in loaded.trials if trial.datetime_complete
    ]


def plain_loop(trials: int) -> float:
    """Measure the same trainer with the same files, in a loop in each of two processes."""
    rates = learning_rates(trials)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Pool(SLOTS) as pool:
        jobs = [(lr, Path(folder) / str(number)) for number, lr in enumerate(rates)]
        return per_hour(list(pool.imap_unordered(train_alone, jobs)))


def train_alone(job: tuple[float, Path]) -> float:
    """Train one trial, and return the time at which it ended."""
    lr, directory = job
    evaluation = Evaluation(every=EVERY, episodes=EPISODES)
    run_trial(TrialSpec(pipeline(lr), "CartPole-v1", [0], evaluation, lanes=LANES), directory)
    return time.time()


def stable_baselines3(trials: int) -> float:
    """Measure Stable-Baselines3 as a function under Tune, with `reuse_actors`."""
    ends: list[float] = []

    class Clock(tune.Callback):  # type: ignore[misc]  # Ray has no types
        def on_trial_complete(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            ends.append(time.time())

    with tempfile.TemporaryDirectory() as folder, suppress_ray_warnings(), ray_session():
        tune.Tuner(
            tune.with_resources(train_sb3, {"cpu": 1}),
            param_space={"lr": tune.grid_search(learning_rates(trials))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=SLOTS),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[Clock()]),
        ).fit()
    assert len(ends) == trials
    return per_hour(ends)


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


ARMS: dict[str, Callable[[int], float]] = {
    "segue": segue_sweep,
    "plain_loop": plain_loop,
    "tune_sb3": stable_baselines3,
}


def main() -> None:
    parser = parser_with_quick(__doc__, "one round of 8 trials, about a minute")
    parser.add_argument(
        "--driver",
        action="store_true",
        help="measure only the driver's cost of a trial (driver_cost.py)",
    )
    options = parser.parse_args()
    quick = options.quick
    report_driver(driver_cost(40 if quick else TRIALS), quick)
    if options.driver:
        return
    rounds, trials = (1, 8) if quick else (3, 32)
    measured: dict[str, list[float]] = {name: [] for name in ARMS}
    for _ in range(rounds):
        for name, arm in ARMS.items():
            measured[name].append(arm(trials + WARM_UP))
    report(measured, quick)


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


def report(measured: dict[str, list[float]], quick: bool) -> None:
    """Publish the medians and Segue's ratios to both peers."""
    figures = {name: statistics.median(values) for name, values in measured.items()}
    for peer in ("plain_loop", "tune_sb3"):
        pairs = zip(measured["segue"], measured[peer], strict=True)
        figures[f"ratio_{peer}"] = statistics.median(own / other for own, other in pairs)
    loop = f"{figures['ratio_plain_loop']:.2f}"
    tune_sb3 = f"{figures['ratio_tune_sb3']:.1f}"
    rows = [
        ["Segue through Tune", f"{figures['segue']:,.0f}", "", ""],
        ["same trainer, plain loop, 2 processes", f"{figures['plain_loop']:,.0f}", loop, "0.65"],
        ["Stable-Baselines3 through Tune", f"{figures['tune_sb3']:,.0f}", tune_sb3, "2.5"],
    ]
    columns = ("two trials at a time", "trials/h", "Segue is x", "target")
    title = "Trials of 51,200 CartPole steps per hour"
    publish("sweep_rate", " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
