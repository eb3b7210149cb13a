"""Members that differ in everything that one pack allows."""

from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box

from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.train import A2C, PPO
from tests.train.support.pipelines import LANES, pipeline, stage
from tests.worlds.probes import GaussianTarget

SEEDS = (5, 0, 3, 11, 2, 7, 13)


@dataclass
class Patience(EarlyStoppingCriterion):
    """Stops after a number of calls, which are its state."""

    times: int
    asked: int = 0

    def __call__(self, stage_steps, total_steps, training_metrics):
        self.asked += 1
        return self.asked >= self.times

    def state_dict(self):
        return {"asked": self.asked}

    def load_state_dict(self, state):
        self.asked = state["asked"]


class ThreeTargets(GaussianTarget):
    """Actions of three numbers, each with a separate target."""

    single_action_space = Box(-np.inf, np.inf, (3,), np.float32)

    def rewards(self, actions):
        targets = self._signal[:, None] * np.array([0.5, 1, -0.5], np.float32)
        return -np.square(actions - targets).sum(1).astype(np.float32)


def member(i, rollout, rollouts=20, same_epochs=False, **changes):
    """The pipeline of member i: `rollouts` rollouts of `rollout` environment steps, the first i + 2
    in stage 0.
    """
    return pipeline(
        stage("ppo", (i + 2) * rollout),
        stage(
            ["ppo", "a2c"],
            (rollouts - i - 2) * rollout,
            loss_weights=[1.0, 0.1 * i],
            gamma=0.9 + 0.01 * i,
        ),
        losses={
            "ppo": PPO(0.1 + 0.02 * i, value_loss_coef=0.5 + 0.1 * i, entropy_coef=0.01 * i),
            "a2c": A2C(entropy_coef=0.02 * i),
        },
        adam={
            "lr": 1e-3 * (1 + i),
            "betas": (0.9 - 0.01 * i, 0.999),
            "eps": 1e-7 * (1 + i),
            "weight_decay": i % 2 / 100,
        },
        update_repeats=2 if same_epochs else 1 + i % 3,
        max_grad_norm=0.3 + 0.1 * i,
        gamma=0.95 - 0.02 * i,
        use_gae=i != 3,
        gae_lambda=0.8 + 0.02 * i,
        **changes,
    )


def seven(lanes=LANES, num_steps=16, **changes):
    """One pipeline a seed."""
    return [member(i, lanes * num_steps, num_steps=num_steps, **changes) for i in range(len(SEEDS))]
