"""How fast, and from how large batches, should SAC of Stable-Baselines3 learn Pendulum?

The training is the library's own, in place of a pipeline: the models of both seeds learn by turns,
and are evaluated, reported and saved every 1,000 steps. ASHA stops the configurations that lag
behind. Needs `pip install stable-baselines3`.
"""

from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
from ray import tune
from stable_baselines3 import SAC
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from segue import Evaluation, Sweep, Trial


def train(trial: Trial) -> None:
    """Train a model of each seed until the trial is to stop."""
    assert trial.evaluation is not None
    models = [_model(trial, index) for index in range(len(trial.seeds))]
    held_out = Monitor(gymnasium.make(trial.world))
    while not trial.should_stop:
        steps = trial.evaluation.every
        for model in models:
            model.learn(steps, reset_num_timesteps=False)
        held_out.reset(seed=trial.seed)
        returns = [
            evaluate_policy(model, held_out, n_eval_episodes=trial.evaluation.episodes)[0]
            for model in models
        ]
        trial.report(trial.env_steps + steps, per_seed=returns, checkpoint=partial(_save, models))


def _model(trial: Trial, index: int) -> Any:
    """Return the model of a seed, new or as it was saved."""
    env = gymnasium.make(trial.world)
    if trial.resumed_from is None:
        seed = trial.seeds[index]
        size = trial.steps  # the buffer holds all that the model sees
        return SAC(
            "MlpPolicy", env, seed=seed, device=trial.device, buffer_size=size, **trial.parameters
        )
    model = SAC.load(trial.resumed_from / f"{index}", env, device=trial.device)
    model.load_replay_buffer(trial.resumed_from / f"{index}-buffer")
    return model


def _save(models: list[Any], folder: Path) -> None:
    """Write the models, and what they learn from, into a folder."""
    folder.mkdir()
    for index, model in enumerate(models):
        model.save(folder / f"{index}")
        model.save_replay_buffer(folder / f"{index}-buffer")


sweep = Sweep(
    trainer=train,
    steps=8_000,
    space={
        "learning_rate": tune.loguniform(1e-4, 1e-2),
        "batch_size": tune.choice([64, 128, 256]),
        "tau": tune.choice([0.005, 0.02]),
    },
    world="Pendulum-v1",
    evaluation=Evaluation(every=1_000, episodes=5),
    metric="return",
    mode="max",
    trials=12,
    seeds=2,
    scheduler="asha",
)
