"""Stable-Baselines3's PPO with the settings of an entry of RL Baselines3 Zoo."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecFrameStack, VecNormalize
from torch import nn

from segue.worlds import LaneStreams, lane_seeds
from segue.worlds.seeds import environment_seeds, uses_of
from segue.zoo.entry import Schedule, ZooEntry


def model(entry: ZooEntry, world: str, seed: int) -> Any:
    """Return the model of a seed, in the environments of its entry.

    State-dependent exploration is left out.
    """
    if world.startswith("MiniGrid-"):
        import_module("minigrid")  # which registers them
    environments = make_vec_env(
        world,
        entry.n_envs,
        seed=seed,
        env_kwargs=dict(entry.env_kwargs),
        wrapper_class=lambda environment: _wrapped(entry, environment),
    )
    if entry.normalize:
        environments = VecNormalize(environments, gamma=entry.gamma, **entry.normalize)
    if entry.frame_stack > 1:
        environments = VecFrameStack(environments, entry.frame_stack)
    return PPO(
        entry.policy,
        environments,
        learning_rate=_schedule(entry.learning_rate),
        n_steps=entry.n_steps,
        batch_size=entry.batch_size,
        n_epochs=entry.n_epochs,
        gamma=entry.gamma,
        gae_lambda=entry.gae_lambda,
        clip_range=_schedule(entry.clip_range),
        normalize_advantage=entry.normalize_advantage,
        ent_coef=entry.ent_coef,
        vf_coef=entry.vf_coef,
        max_grad_norm=entry.max_grad_norm,
        target_kl=entry.target_kl,
        policy_kwargs=_policy(entry),
        seed=seed,
        device="cpu",
    )


def evaluate(model: Any, entry: ZooEntry, world: str, seed: int, episodes: int) -> float:
    """Return the mean return over the episodes on which Segue evaluates this seed."""
    lanes = lane_seeds(seed, "evaluation", episodes)
    drawn = LaneStreams(lanes).episode_seeds(np.arange(episodes))
    environment = _wrapped(entry, gymnasium.make(world, **entry.env_kwargs))
    scale = model.get_vec_normalize_env()
    total = 0.0
    for start in environment_seeds(drawn, uses_of(lanes)).tolist():
        observation, _ = environment.reset(seed=start)
        over = False
        while not over:
            seen = observation if scale is None else scale.normalize_obs(observation)
            action, _ = model.predict(seen, deterministic=True)
            observation, reward, terminated, truncated, _ = environment.step(action)
            total += float(reward)
            over = terminated or truncated
    return total / episodes


def _wrapped(entry: ZooEntry, environment: Any) -> Any:
    for dotted, arguments in entry.env_wrapper.items():
        module, _, name = dotted.rpartition(".")
        environment = getattr(import_module(module), name)(environment, **arguments)
    return environment


def _schedule(schedule: Schedule) -> Any:
    return LinearSchedule(schedule.value, 0.0, 1.0) if schedule.is_linear else schedule.value


def _policy(entry: ZooEntry) -> dict[str, Any]:
    """Return `policy_kwargs` as the library reads them today."""
    given = dict(entry.policy_kwargs)
    if "activation_fn" in given:
        given["activation_fn"] = getattr(nn, given["activation_fn"])
    layers = given.get("net_arch")
    if isinstance(layers, list) and layers and isinstance(layers[0], dict):
        given["net_arch"] = layers[0]
    return given
