"""A member whose losses are no longer finite is marked, and its neighbours are unaffected."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from segue.train import MemberLoss
from segue.train.checkpoint import load_checkpoint, save_checkpoint
from tests.train.support.example_members import SEEDS
from tests.train.support.pipelines import ROLLOUT, advanced, pipeline, stage, trainer
from tests.train.support.trials import plan as trial_plan
from tests.train.support.trials import run
from tests.worlds.probes import ContextualAction

UPDATES = 4  # of a rollout


@dataclass(frozen=True)
class Breaks(MemberLoss):
    """A policy gradient, times infinity once so many steps of the stage are done."""

    after: float = math.inf
    times: float = math.nan

    def hyperparameters(self, stage_steps):
        return {"factor": self.times if stage_steps >= self.after else 1.0}

    def member_loss(self, batch, outputs, hyperparameters):
        loss = -(outputs["log_prob"] * batch["advantage"]).mean() * hyperparameters["factor"]
        return loss, {"loss": loss}


@dataclass(frozen=True)
class BadGradient(MemberLoss):
    """A loss of 0 whose gradient is not a number: the square root at 0."""

    def hyperparameters(self, stage_steps):
        return {}

    def member_loss(self, batch, outputs, hyperparameters):
        return torch.sqrt((outputs["value"] - outputs["value"].detach()).square().sum()), {}


def plans(broken=1):
    return [
        pipeline(
            stage("breaks", 5 * ROLLOUT),
            losses={"breaks": Breaks(2 * ROLLOUT if i == broken else math.inf)},
        )
        for i in range(3)
    ]


def test_the_member_is_marked_with_the_update_and_the_loss_and_the_pack_continues():
    made = advanced(trainer(plans(), seeds=SEEDS[:3]))
    assert [member.failure for member in made.members] == [
        None,
        f"the loss 'breaks' was nan in update {2 * UPDATES + 1}",
        None,
    ]
    assert [member.progress.total_steps for member in made.members] == [
        5 * ROLLOUT,
        3 * ROLLOUT,
        5 * ROLLOUT,
    ]
    for k in (0, 2):
        alone = advanced(trainer(plans()[k : k + 1], seeds=SEEDS[k : k + 1]))
        assert torch.equal(alone.parameters[0], made.parameters[k])
    scores = made.evaluate()["return"]
    assert math.isnan(scores[1]) and math.isfinite(scores[0]) and math.isfinite(scores[2])


def test_a_gradient_that_is_not_finite_is_found_at_once():
    made = trainer(pipeline(losses={"ppo": BadGradient()}))
    made.advance()
    assert made.members[0].failure in (
        "the gradient of the losses 'ppo' was not finite by update 4",
        "the loss 'ppo' was nan in update 2",
    )
    assert made.done


class NotFinite(ContextualAction):
    """Observes or rewards NaN from step 40 of a world on."""

    def __init__(self, members, lanes, name):
        super().__init__(members, lanes)
        self.name = name
        self.steps = 0

    def step(self, actions):
        step = super().step(actions)
        self.steps += 1
        if self.steps < 40:
            return step
        return step._replace(**{self.name: np.full_like(getattr(step, self.name), np.nan)})


@pytest.mark.parametrize("name", ["reward", "observation"])
def test_a_world_that_returns_what_is_not_finite_is_named_rather_than_the_loss(name):
    def world(members, lanes):
        return NotFinite(members, lanes, name)

    made = advanced(trainer(pipeline(stage("ppo", 9 * ROLLOUT)), world=world, seeds=SEEDS[:1]))
    assert made.members[0].failure == (
        f"the world returned nan in {name}s: let it return finite numbers"
    )


def test_a_failure_is_part_of_the_checkpoint(tmp_path):
    made, resumed = (trainer(plans(), seeds=SEEDS[:3]) for _ in range(2))
    advanced(made, 4)
    save_checkpoint(tmp_path, made.env_steps, made.state_dict())
    resumed.load_state_dict(load_checkpoint(tmp_path))
    assert resumed.members[1].failure == made.members[1].failure is not None
    one, two = (advanced(again).parameters for again in (resumed, made))
    assert torch.equal(one[[0, 2]], two[[0, 2]]) and one[1].isnan().any()


def test_a_trial_with_a_failed_member_reports_which_and_when(tmp_path):
    broken = trial_plan(stage("ppo", 3 * ROLLOUT), losses={"ppo": Breaks(ROLLOUT, math.inf)})
    with pytest.raises(
        FloatingPointError,
        match=r"seed 0 failed in stage 0 after 128 steps: the loss 'ppo' was (-?inf|nan) in",
    ):
        run(tmp_path, broken)
