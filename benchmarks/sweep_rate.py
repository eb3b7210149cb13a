"""How many trials an hour: Segue's sweep against its own trainer without Tune, and
Stable-Baselines3 under Tune.

Every trial: PPO on CartPole for 51,200 steps on one seed, 8 lanes x 128 steps, 4 epochs x 4
minibatches, learning rate log-uniform in [1e-4, 3e-3], and 5 evaluations of 10 greedy episodes. Two
trials at a time. In each arm the first two trials warm up (processes start, libraries are
imported); the clock runs from the end of the second to the end of the last, so that the start of
Ray counts for no one. Arms are interleaved, and the figures are medians over rounds.

Before that, what 300 trials cost the driver that learn nothing (driver_cost.py).
"""

from __future__ import annotations

import argparse
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
from driver_cost import TARGET_MS, TRIALS, driver_cost
from ray import tune
from record import publish
from rich.console import Console
from torch import optim

from segue.experiment_utils import Builder, PipelineStage, TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.train import PPO, TrialSpec, run_trial
from segue.tune.cluster.session import quiet, ray_session
from segue.tune.drive import Options, run_sweep

SLOTS, WARM_UP = 2, 2
LANES, STEPS, EPOCHS, MINIBATCHES, TOTAL, EVERY, EPISODES = 8, 128, 4, 4, 51_200, 10_240, 10
LOWEST, HIGHEST = 1e-4, 3e-3


def pipeline(lr: float) -> TrainingPipeline:
    """One stage of PPO."""
    return TrainingPipeline(
        named_losses={"ppo": PPO(clip_param=0.2, entropy_coef=0.01, use_clipped_value_loss=False)},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=TOTAL)],
        optimizer_builder=Builder(optim.Adam, {"lr": lr, "eps": 1e-5}),
        num_mini_batch=MINIBATCHES,
        update_repeats=EPOCHS,
        max_grad_norm=0.5,
        num_steps=STEPS,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=EVERY,
        metric_accumulate_interval=2_048,
    )


def learning_rates(trials: int) -> list[float]:
    """The same draws for every arm."""
    draws = np.random.default_rng(0).uniform(np.log(LOWEST), np.log(HIGHEST), trials)
    return [float(lr) for lr in np.exp(draws)]


def per_hour(ends: list[float]) -> float:
    """Trials an hour from the times at which they ended, after the warm-up."""
    ordered = sorted(ends)
    return 3600 * (len(ordered) - WARM_UP) / (ordered[-1] - ordered[WARM_UP - 1])


def segue_sweep(trials: int) -> float:
    """Segue through Tune, with the study, checkpoints and logs of every sweep."""
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
    """When the trials of a study ended, in seconds."""
    loaded = optuna.load_study(study_name="rate", storage=f"sqlite:///{study}")
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in loaded.trials)
    return [
        trial.datetime_complete.timestamp() for trial in loaded.trials if trial.datetime_complete
    ]


def plain_loop(trials: int) -> float:
    """The same trainer, the same files, called in a loop in each of two processes."""
    rates = learning_rates(trials)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Pool(SLOTS) as pool:
        jobs = [(lr, Path(folder) / str(number)) for number, lr in enumerate(rates)]
        return per_hour(list(pool.imap_unordered(train_alone, jobs)))


def train_alone(job: tuple[float, Path]) -> float:
    """One trial; returns when it ended."""
    lr, directory = job
    evaluation = Evaluation(every=EVERY, episodes=EPISODES)
    run_trial(TrialSpec(pipeline(lr), "CartPole-v1", [0], evaluation, lanes=LANES), directory)
    return time.time()


def stable_baselines3(trials: int) -> float:
    """Stable-Baselines3 as a function under Tune, with `reuse_actors`."""
    ends: list[float] = []

    class Clock(tune.Callback):  # type: ignore[misc]  # Ray has no types
        def on_trial_complete(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            ends.append(time.time())

    with tempfile.TemporaryDirectory() as folder, quiet(), ray_session():
        tune.Tuner(
            tune.with_resources(train_sb3, {"cpu": 1}),
            param_space={"lr": tune.grid_search(learning_rates(trials))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=SLOTS),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[Clock()]),
        ).fit()
    assert len(ends) == trials
    return per_hour(ends)


def train_sb3(config: dict[str, float]) -> None:
    """One trial of Stable-Baselines3, evaluated as often and on as many episodes."""
    import torch
    from stable_baselines3 import PPO as SB3
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    judge = make_vec_env("CartPole-v1", EPISODES)
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
        score, _ = evaluate_policy(model, judge, n_eval_episodes=EPISODES)
        tune.report({"return": float(score)})


ARMS: dict[str, Callable[[int], float]] = {
    "segue": segue_sweep,
    "plain_loop": plain_loop,
    "tune_sb3": stable_baselines3,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round of 8 trials, about a minute; keeps no record",
    )
    parser.add_argument(
        "--driver", action="store_true", help="only what a trial costs the driver (driver_cost.py)"
    )
    asked = parser.parse_args()
    quick = asked.quick
    report_driver(driver_cost(40 if quick else TRIALS), quick)
    if asked.driver:
        return
    rounds, trials = (1, 8) if quick else (3, 32)
    measured: dict[str, list[float]] = {name: [] for name in ARMS}
    for _ in range(rounds):
        for name, arm in ARMS.items():
            measured[name].append(arm(trials + WARM_UP))
    report(measured, quick)


def report_driver(figures: dict[str, float], quick: bool) -> None:
    """Print and keep what a trial costs the driver."""
    named = {
        "wall_ms": "wall time",
        "driver_ms": "processor time of the driver",
        "study_ms": "in the study, of it:",
    }
    rows = [
        [
            named.get(name, f"  {name.removesuffix('_ms')}"),
            f"{value:.1f}",
            f"{TARGET_MS:.0f}" * (name == "wall_ms"),
        ]
        for name, value in figures.items()
    ]
    columns = ("a trial of 3 stages, 2 at a time", "ms", "target")
    publish(
        "driver_cost",
        " ".join(sys.argv),
        "What a trial costs the driver",
        columns,
        rows,
        figures,
        keep=not quick,
    )


def report(measured: dict[str, list[float]], quick: bool) -> None:
    """Print and keep the medians and Segue's ratios to both peers."""
    figures = {name: statistics.median(values) for name, values in measured.items()}
    for peer in ("plain_loop", "tune_sb3"):
        pairs = zip(measured["segue"], measured[peer], strict=True)
        figures[f"ratio_{peer}"] = statistics.median(own / other for own, other in pairs)
    loop, peer = f"{figures['ratio_plain_loop']:.2f}", f"{figures['ratio_tune_sb3']:.1f}"
    rows = [
        ["Segue through Tune", f"{figures['segue']:,.0f}", "", ""],
        ["same trainer, plain loop, 2 processes", f"{figures['plain_loop']:,.0f}", loop, "0.65"],
        ["Stable-Baselines3 through Tune", f"{figures['tune_sb3']:,.0f}", peer, "2.5"],
    ]
    columns = ("two trials at a time", "trials/h", "Segue is x", "target")
    title = "Trials of 51,200 CartPole steps an hour"
    publish("sweep_rate", " ".join(sys.argv), title, columns, rows, figures, keep=not quick)


if __name__ == "__main__":
    main()
