"""Trials that join, leave and pause at random: each is, bit for bit, the same trial alone."""

import numpy as np
import pytest

from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.pipelines.schedules import LinearDecay
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.world import World
from segue.train import PPO, Imitation, Mlp, Network, PPOValue, TrialSpec
from segue.train.trials.log import read_rows
from segue.train.trials.several import Trials
from tests.train.support.pipelines import LANES, ROLLOUT, pipeline, stage
from tests.train.support.same import assert_same_state
from tests.train.support.trials import final_state
from tests.worlds.probes import ContextualAction

SLOW = pytest.mark.slow
EVALUATION = Evaluation(every=2 * ROLLOUT, episodes=2, max_episode_steps=30)
LOSSES = {
    "ppo": PPO(clip_param=0.2),
    "imitation": Imitation(),
    "value": PPOValue(clip_param=0.2),
}
NORMALISED = World("CartPole-v1", normalize_observation=True, normalize_reward=True, frame_stack=2)
CORRUPTED = World("MiniGrid-Empty-5x5-v0", kwargs={"corrupt_within": 2})
SMALL = Mlp((8,))
CASES = {  # the world, the policy, and whether some stages consult the expert
    "perceptron": ("CartPole-v1", SMALL, False),
    "normalised": (NORMALISED, SMALL, False),
    "expert": ("MiniGrid-DoorKey-5x5-v0", SMALL, True),
    "expert that acts at random": (CORRUPTED, SMALL, True),
    "gru": ("MiniGrid-LavaCrossingS9N1-v0", Network("gru", hidden=8), False),
    "Gymnasium": (World("Pendulum-v1", frame_stack=2), SMALL, False),
    "lstm": ("PoisonedDoors-v0", Network("lstm", hidden=8), True),
    "without joined": (ContextualAction, SMALL, False),
}
FAST = ("expert",)


def spec(number, world, policy, has_expert):
    """Trials that differ in numbers, lengths, seeds, shapes of stages and in their losses."""
    generator = np.random.default_rng(number)
    lengths = generator.integers(1, 4, size=3) * ROLLOUT
    taught = {"loss": ["imitation", "value"], "teacher_forcing": LinearDecay(2 * ROLLOUT)}
    first = stage(steps=lengths[0], **(taught if has_expert and number % 2 else {}))
    middle = stage(steps=lengths[1], num_steps=8 if number % 3 else 16)
    last = stage(steps=lengths[2], advance_scene_rollout_period=2 if number % 2 else None)
    made = pipeline(
        first,
        middle,
        last,
        losses=LOSSES,
        adam={"lr": float(generator.uniform(1e-4, 1e-2))},
        update_repeats=1 + number % 2,
        gamma=float(generator.uniform(0.9, 0.999)),
        save_interval=int(generator.choice([0, ROLLOUT, 2 * ROLLOUT])),
    )
    seeds = [number, 100 + number][: 1 + number % 2]
    return TrialSpec(made, world, seeds, EVALUATION, lanes=LANES, policy=policy)


def schedule(specs, directory, generator, together=3):
    """Train all of them, some at a time; pause and continue them at random."""
    waiting = list(range(len(specs)))
    outcomes = {}
    with Trials() as trials:
        while waiting or trials.numbers:
            while waiting and len(trials.numbers) < together:
                number = waiting.pop(0)
                trials.begin(number, specs[number], directory / str(number))
            outcomes |= trials.advance()
            for number in trials.numbers:
                if generator.random() < 0.15:
                    trials.pause(number)
                    waiting.append(number)
    return outcomes


def alone(made, directory):
    with Trials() as trials:
        trials.begin(0, made, directory)
        while not (ended := trials.advance()):
            pass
    return ended[0]


def logged(directory):
    """The numbers of the log but for the speed."""
    found = read_rows(directory / "metrics.jsonl")
    return [{tag: row[tag] for tag in row if not tag.endswith("fps")} for row in found]


@pytest.mark.parametrize(
    "case",
    [case if case in FAST else pytest.param(case, marks=SLOW) for case in CASES],
)
def test_each_is_the_same_trial_alone(case, tmp_path):
    specs = [spec(number, *CASES[case]) for number in range(5)]
    outcomes = schedule(specs, tmp_path / "joined", np.random.default_rng(len(case)))
    for number, made in enumerate(specs):
        mine, theirs = tmp_path / "joined" / str(number), tmp_path / "alone" / str(number)
        # As text, since a metric may be NaN.
        assert repr(outcomes[number]) == repr(alone(made, theirs))
        assert (mine / "results.jsonl").read_text() == (theirs / "results.jsonl").read_text()
        assert repr(logged(mine)) == repr(logged(theirs))
        assert_same_state(final_state(mine), final_state(theirs))


class Raises(EarlyStoppingCriterion):
    """Raises after so many steps."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, stage_steps, total_steps, training_metrics):
        if total_steps >= self.steps:
            raise ZeroDivisionError
        return False


@pytest.mark.slow
def test_one_that_raises_fails_alone_and_the_others_are_as_they_would_be(tmp_path):
    """In a pack of five; the four others continue from their checkpoints, apart and together."""

    def made(number, criterion=None):
        first = stage(steps=8 * ROLLOUT, early_stopping_criterion=criterion)
        changes = {"save_interval": ROLLOUT, "metric_accumulate_interval": ROLLOUT}
        plan = pipeline(first, adam={"lr": 1e-3 * (1 + number)}, **changes)
        return TrialSpec(plan, "CartPole-v1", [number], EVALUATION, lanes=LANES, policy=SMALL)

    specs = [made(number, Raises(3 * ROLLOUT) if number == 2 else None) for number in range(5)]
    outcomes = schedule(specs, tmp_path / "joined", np.random.default_rng(0), together=5)
    assert isinstance(outcomes[2], ZeroDivisionError)
    for number in (0, 1, 3, 4):
        mine, theirs = tmp_path / "joined" / str(number), tmp_path / "alone" / str(number)
        assert outcomes[number] == alone(specs[number], theirs)
        assert logged(mine) == logged(theirs)
        assert_same_state(final_state(mine), final_state(theirs))


def test_what_is_not_finite_fails_its_trial_alone(tmp_path):
    rates = [1e-3, 1e30, 2e-3]
    specs = [
        TrialSpec(
            pipeline(adam={"lr": rate}), "CartPole-v1", [0], EVALUATION, lanes=LANES, policy=SMALL
        )
        for rate in rates
    ]
    outcomes = schedule(specs, tmp_path / "joined", np.random.default_rng(1))
    assert isinstance(outcomes[1], FloatingPointError)
    for number in (0, 2):
        assert outcomes[number] == alone(specs[number], tmp_path / "alone" / str(number))
