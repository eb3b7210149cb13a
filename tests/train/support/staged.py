"""Pipelines that use what stages offer, with numbers that differ from member to member."""

import numpy as np

from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.pipelines.schedules import LinearDecay
from segue.train import PPO, Advisor, BehaviorCloning, Imitation, PPOValue
from segue.worlds.seeds import stream
from tests.train.support.pipelines import ROLLOUT, pipeline, stage


def seeded(cur_worker, rollouts_per_worker, seed):
    return {"seed": seed}


class Numbered:
    """Windows of three steps in two lanes of CartPole's numbers, drawn from a seed; it can say
    where it stands.
    """

    def __init__(self, seed, last=None):
        self.seed = seed
        self.last = last
        self.at = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.at == self.last:
            raise StopIteration
        generator = np.random.default_rng(stream(self.seed, "numbered", self.at))
        self.at += 1
        return {
            "observation": generator.standard_normal((3, 2, 4), np.float32),
            "action": generator.integers(2, size=(3, 2)),
            "begins": generator.random((3, 2)) < 0.3,
        }

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


def forgetful(seed, last=None):
    """The same as a generator, which cannot say where it stands."""
    yield from (batch for batch, _ in zip(Numbered(seed), range(last or 10**9), strict=False))


def cloning(builder=Numbered, updates=2, **changes):
    return OffPolicyPipelineComponent(
        builder, ["cloning"], updates, data_iterator_kwargs_generator=seeded, **changes
    )


LOSSES = {
    "imitation": Imitation(),
    "value": PPOValue(),
    "ppo": PPO(normalize_advantage="rollout"),
    "advisor": Advisor(alpha=4.0),
    "cloning": BehaviorCloning(),
}


def imitate(rollouts, **changes):
    decay = LinearDecay(rollouts * ROLLOUT)
    return stage(["imitation", "value"], steps=rollouts * ROLLOUT, teacher_forcing=decay, **changes)


def plans(i, **changes):
    """Pipelines by name; member i differs in lengths and numbers."""
    settings = {
        "losses": LOSSES,
        "adam": {"lr": 1e-3 * (1 + i)},
        "save_interval": 0,
        "update_repeats": 1 + i % 2,
    }
    rest = stage("ppo", steps=(4 - i % 3) * ROLLOUT, gamma=0.9 + 0.01 * i)
    stages = {
        "ppo": [rest],
        "weaned": [imitate(2 + i % 3), rest],
        "advisor": [stage("advisor", steps=3 * ROLLOUT), rest],
        "off-policy": [
            stage("ppo", steps=(2 + i % 3) * ROLLOUT, offpolicy_component=cloning()),
            rest,
        ],
        "data alone": [
            stage(
                [], steps=2 * ROLLOUT, update_repeats=None, offpolicy_component=cloning(forgetful)
            ),
            rest,
        ],
        "restarts": [stage("ppo", steps=4 * ROLLOUT, advance_scene_rollout_period=1 + i % 2), rest],
    }
    return {name: pipeline(*made, **settings | changes) for name, made in stages.items()}


NAMES = tuple(plans(0))
