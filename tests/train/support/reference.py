"""The algorithms in plain torch, for one member: `nn.Linear`, autograd, `torch.optim.Adam`, and
loops for the rest.

Shapes: T steps, N lanes, B = T*N samples of which sample (t, n) is row t*N + n.
"""

import numpy as np
import torch
from torch.distributions import Categorical

from segue.train.losses import A2C, PPO
from segue.train.policies import Mlp
from segue.train.rollouts.generators import MemberGenerators
from segue.worlds import lane_seeds, make_world
from tests.train.support.plain import flat, sequential


def plain_ppo(loss, batch, outputs):
    """Schulman et al., 2017, eq. 9; `batch` and `outputs` are records of tensors `[B]`."""
    advantage = batch.advantage
    if loss.normalize_advantage:
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = torch.exp(outputs.log_prob - batch.log_prob)
    c = loss.clip_param
    surrogate = torch.min(ratio * advantage, ratio.clamp(1 - c, 1 + c) * advantage).mean()
    error = (outputs.value - batch.value_target) ** 2
    if loss.use_clipped_value_loss:
        near = batch.value + (outputs.value - batch.value).clamp(-c, c)
        error = torch.max(error, (near - batch.value_target) ** 2)
    return (
        -surrogate
        + loss.value_loss_coef * 0.5 * error.mean()
        - loss.entropy_coef * outputs.entropy.mean()
    )


def plain_a2c(loss, batch, outputs):
    """Mnih et al., 2016, section 4."""
    value = 0.5 * ((outputs.value - batch.value_target) ** 2).mean()
    action = -(outputs.log_prob * batch.advantage).mean()
    return action + loss.value_loss_coef * value - loss.entropy_coef * outputs.entropy.mean()


PLAIN = {PPO: plain_ppo, A2C: plain_a2c}


class Fields(dict):
    """A dictionary whose entries are attributes too."""

    __getattr__ = dict.__getitem__


class PlainMember:
    """A member of a one-stage pipeline with one loss, in a world of discrete actions."""

    def __init__(self, pipeline, world, seed, lanes, policy=None):
        self.settings = pipeline.settings(0)
        self.loss = pipeline.loss(pipeline.pipeline_stages[0].loss_name[0])
        self.world = make_world(world, 1, lanes)
        self.generators = MemberGenerators.of(seed)
        self.built = (policy or Mlp()).build(
            self.world.single_observation_space, self.world.single_action_space
        )
        rows = self.built.initial(self.generators.parameters).view(2, -1)
        self.actor, self.critic = (sequential(self.built.layers, row) for row in rows)
        both = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimizer = pipeline.optimizer_builder(params=both)
        self.both = both
        self.seen = torch.tensor(self.world.reset(lane_seeds(seed, "train", lanes)))

    @property
    def parameters(self):
        """The flat parameters, as the trainer has them."""
        return torch.cat([flat(network, self.built.row) for network in (self.actor, self.critic)])

    def iterate(self):
        """One rollout and its epochs."""
        steps = self._collect()
        batch = self._judge(steps)
        samples = len(batch.log_prob)
        for _ in range(self.settings.update_repeats):
            order = torch.from_numpy(self.generators.minibatches.permutation(samples))
            size = samples // self.settings.num_mini_batch
            for i in range(self.settings.num_mini_batch):
                rows = order[i * size : (i + 1) * size]
                self._learn(Fields({name: tensor[rows] for name, tensor in batch.items()}))

    def _collect(self):
        """T records of what each step saw, did and got; Gumbel noise from the member's own uniform
        draws.
        """
        shape = self.settings.num_steps, self.world.lanes, self.built.head.size
        uniform = torch.from_numpy(self.generators.actions.random(shape, dtype=np.float32))
        steps = []
        for noise in -torch.log(-torch.log(uniform)):
            with torch.no_grad():
                logits = self.actor(self.seen)
            action = (logits + noise).argmax(-1)
            step = self.world.step(action.numpy())
            follows = torch.tensor(step.observation)
            last = follows.clone()
            last[step.ended] = torch.tensor(step.final_observation)
            log_prob = Categorical(logits=logits).log_prob(action)
            flags = [torch.tensor(flag) for flag in (step.reward, step.terminated, step.truncated)]
            names = (
                "observation",
                "last",
                "action",
                "log_prob",
                "reward",
                "terminated",
                "truncated",
            )
            steps.append(
                Fields(zip(names, (self.seen, last, action, log_prob, *flags), strict=True))
            )
            self.seen = follows
        return steps

    @torch.no_grad()
    def _judge(self, steps):
        """The rollout as rows, with values, and advantages by the recursion of Schulman et al.,
        2016, eq. 16.
        """
        gamma = self.settings.gamma
        gae_lambda = self.settings.gae_lambda if self.settings.use_gae else 1.0
        carried = torch.zeros(self.world.lanes)
        for step in reversed(steps):
            step["value"] = self.critic(step.observation)[:, 0]
            bootstrap = torch.where(step.terminated, 0, self.critic(step.last)[:, 0])
            delta = step.reward + gamma * bootstrap - step.value
            carried = delta + gamma * gae_lambda * torch.where(
                step.terminated | step.truncated, 0, carried
            )
            step["advantage"] = carried
            step["value_target"] = carried + step.value
        return Fields({name: torch.cat([step[name] for step in steps]) for name in steps[0]})

    def _learn(self, batch):
        known = Categorical(logits=self.actor(batch.observation))
        value = self.critic(batch.observation)[:, 0]
        outputs = Fields(
            log_prob=known.log_prob(batch.action), entropy=known.entropy(), value=value
        )
        self.optimizer.zero_grad()
        PLAIN[type(self.loss)](self.loss, batch, outputs).backward()
        torch.nn.utils.clip_grad_norm_(self.both, self.settings.max_grad_norm)
        self.optimizer.step()
