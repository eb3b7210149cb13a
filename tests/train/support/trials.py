"""A small trial for the tests of what it leaves in its directory."""

import json

import pytest

from segue.plan.sweeps.evaluation import Evaluation
from segue.train import Mlp, TrialSpec, run_trial
from segue.train.checkpoint import load_checkpoint
from tests.train.support.pipelines import LANES, ROLLOUT, pipeline, stage

STAGES = (stage(steps=3 * ROLLOUT), stage("a2c", steps=4 * ROLLOUT))
EVALUATION = Evaluation(every=2 * ROLLOUT, episodes=2, max_episode_steps=20)
REPORTS = 5  # after 2, 4 and 6 rollouts, and at the ends of the stages after 3 and 7


class AttemptEndedError(Exception):
    """Stands for whatever ends an attempt."""


def plan(*stages, save_interval=ROLLOUT, **changes):
    return pipeline(*(stages or STAGES), save_interval=save_interval, **changes)


def run(
    directory,
    made=None,
    report=lambda row: None,
    seeds=(0, 1),
    metric="return",
    mode="max",
    world="CartPole-v1",
    log_seeds=False,
    evaluation=EVALUATION,
    **more,
):
    spec = TrialSpec(
        made or plan(),
        world,
        seeds,
        evaluation,
        metric,
        mode,
        lanes=LANES,
        policy=Mlp((8,)),
        log_seeds=log_seeds,
    )
    return run_trial(spec, directory, report=report, **more)


def rows(directory, name="results.jsonl"):
    return [json.loads(line) for line in (directory / name).read_text().splitlines()]


def final_state(directory):
    return load_checkpoint(directory / "checkpoints")


def interrupted_after(directory, reports, made=None, **more):
    """The rows of an attempt that its `reports`-th report (from 1) ends."""
    heard = []

    def report(row):
        heard.append(row)
        if len(heard) == reports:
            raise AttemptEndedError

    with pytest.raises(AttemptEndedError):
        run(directory, made, report, **more)
    return heard
