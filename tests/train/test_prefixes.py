"""Trials that share their first stages: each is, bit for bit, the same trial alone."""

import numpy as np
import pytest

from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.criteria.scheduler import SchedulerCriterion
from segue.plan.pipelines.schedules import LinearDecay
from segue.plan.sweeps.prefixes import prefixes_of, shared_prefixes
from segue.plan.sweeps.setup import TrialSetup
from segue.record.files.prefixes import is_stored, read_prefix, store_prefix
from segue.record.layout import TrialLayout
from segue.train import TrialSpec
from segue.train.checkpoint import load_checkpoint
from segue.train.trials.prefixes import ALONE, SharedTraining
from segue.train.trials.several import Trials
from tests.train.support.pipelines import LANES, ROLLOUT, pipeline, stage
from tests.train.support.same import assert_same_state
from tests.train.support.trials import final_state, rows
from tests.train.test_side_by_side import CASES, EVALUATION, LOSSES, SLOW, alone, logged

FIRST = (3, 5)
SECOND = range(8)
FAST = ("expert",)
KINDS = [case if case in FAST else pytest.param(case, marks=SLOW) for case in CASES]


def pipeline_of(first, second, has_expert=False, criterion=None):
    """Two stages of which the second differs in shape, losses, learning rate and length."""
    taught = {"loss": ["imitation", "value"], "teacher_forcing": LinearDecay(2 * ROLLOUT)}
    changes = taught if has_expert else {}
    return pipeline(
        stage(steps=first * ROLLOUT, early_stopping_criterion=criterion, **changes),
        stage(
            loss=["ppo", "value"] if second % 2 else "ppo",
            steps=(2 + second // 4) * ROLLOUT,
            num_steps=(8, 16)[second % 2],
            gamma=0.9 + second / 100,
        ),
        losses=LOSSES,
    )


def specs_of(case, seconds=SECOND, seeds=(0, 1)):
    world, policy, has_expert = CASES[case]
    return {
        number: TrialSpec(
            pipeline_of(first, second, has_expert),
            world,
            seeds,
            EVALUATION,
            lanes=LANES,
            policy=policy,
        )
        for number, (first, second) in enumerate(
            (first, second) for first in FIRST for second in seconds
        )
    }


def prefixes(specs):
    return shared_prefixes(
        {
            number: prefixes_of(
                TrialSetup(spec.pipeline, spec.world, spec.evaluation, spec.lanes, spec.policy),
                spec.seeds,
                spec.code,
            )
            for number, spec in specs.items()
        }
    )


class EndOfProcess(BaseException):
    """Stands for whatever ends a worker."""


class Driver:
    """Assigns trials to one process, those that train what others share first."""

    def __init__(self, specs, directory):
        self.specs = specs
        self.directory = directory
        self.keys = {number: each[0].key for number, each in prefixes(specs).items()}
        self.waiting = list(specs)
        self.trained = 0
        self.outcomes = {}

    def run(self, ends=lambda: False):
        """Train everything that waits, until the process ends."""
        training = set()
        with Trials() as trials:
            while self.waiting or trials.numbers:
                for number in list(self.waiting):
                    key = self.keys[number]
                    has_begun = (self.directory / str(number) / "checkpoints").exists()
                    if is_stored(self.directory / key) or key not in training or has_begun:
                        training.add(key)
                        self.begin(trials, number)
                before = {number: self.steps(trials, number) for number in trials.numbers}
                ended = trials.advance()
                self.trained += sum(
                    self.steps(trials, number) - steps
                    for number, steps in before.items()
                    if number in trials.numbers
                )
                self.trained += sum(
                    row["total_env_steps"] - before[number] for number, row in ended.items()
                )
                self.outcomes |= ended
                if ends():
                    self.waiting = [*trials.numbers, *self.waiting]
                    return

    def begin(self, trials, number):
        folder = self.directory / self.keys[number]
        shared = SharedTraining(folder if is_stored(folder) else None, (0,))
        directory = self.directory / str(number)

        def report(row):
            if row["stage_done"] and row["stage"] == 0 and not is_stored(folder):
                assert store_prefix(folder, TrialLayout(directory), number, row["env_steps"])

        self.waiting.remove(number)
        trials.begin(number, self.specs[number], directory, report, shared=shared)

    def steps(self, trials, number):
        return trials._attempts[number].trainer.total_env_steps


def assert_same(specs, directory, theirs, forked):
    """Each trial left what it leaves when it is trained alone, but for the marks of its rows."""
    marked = 0
    for number, spec in specs.items():
        mine, other = directory / str(number), theirs / str(number)
        alone(spec, other)
        found = rows(mine)
        marks = [row.pop("forked_from", None) for row in found]
        marked += marks[0] is not None
        assert repr(found) == repr(rows(other))
        assert repr(logged(mine)) == repr(logged(other))
        assert_same_state(final_state(mine), final_state(other))
        assert_same_state(load_checkpoint(mine / "best"), load_checkpoint(other / "best"))
    assert marked == forked


@pytest.mark.parametrize("case", KINDS)
def test_each_is_the_same_trial_alone(case, tmp_path):
    specs = specs_of(case, seconds=(0, 1, 5))
    driver = Driver(specs, tmp_path / "shared")
    driver.run()
    assert_same(specs, tmp_path / "shared", tmp_path / "alone", forked=4)


@pytest.mark.slow
def test_attempts_that_end_anywhere_change_nothing(tmp_path):
    specs = specs_of("perceptron", seconds=(0, 1, 5))
    generator = np.random.default_rng(4)
    driver = Driver(specs, tmp_path / "shared")
    while driver.waiting:
        driver.run(lambda: generator.random() < 0.3)
    assert_same(specs, tmp_path / "shared", tmp_path / "alone", forked=4)


@pytest.mark.slow
def test_two_first_and_eight_second_stages_train_half_of_the_steps(tmp_path):
    """Of 16 trials, two train the first stage."""
    specs = specs_of("perceptron", seeds=(0,))
    driver = Driver(specs, tmp_path)
    driver.run()
    lengths = [(first + 2 + second // 4) * ROLLOUT for first in FIRST for second in SECOND]
    saved = (len(SECOND) - 1) * sum(FIRST) * ROLLOUT
    assert driver.trained == sum(lengths) - saved
    assert driver.trained <= 0.65 * sum(lengths)


@pytest.mark.parametrize("name", ["checkpoint-*.pt", "results.jsonl", "prefix.json"])
def test_a_trial_trains_from_scratch_where_the_shared_training_is_damaged(name, tmp_path, capsys):
    specs = {number: spec for number, spec in specs_of("perceptron", (0, 1)).items() if number < 2}
    folder = tmp_path / "shared" / next(iter(prefixes(specs).values()))[0].key
    first = Driver({0: specs[0]}, tmp_path / "shared")
    first.keys = {0: folder.name}
    first.run()
    damaged = next(folder.rglob(name))
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"x" * 8)
    second = Driver({1: specs[1]}, tmp_path / "shared")
    second.keys = {1: folder.name}
    second.run()
    assert (
        "The training that this trial shares with others is repeated: " in capsys.readouterr().out
    )
    assert_same({1: specs[1]}, tmp_path / "shared", tmp_path / "alone", forked=0)


def test_what_is_stored_is_of_one_report(tmp_path):
    trial = TrialLayout(tmp_path / "trial")
    alone(specs_of("perceptron", (0,))[0], trial.path)
    last = rows(trial.path)[-1]["env_steps"]
    assert not store_prefix(tmp_path / "prefix", trial, 0, last - ROLLOUT)
    assert not is_stored(tmp_path / "prefix")
    with pytest.raises(ValueError, match="does not exist"):
        read_prefix(tmp_path / "prefix")


class Sometimes(EarlyStoppingCriterion):
    """May end the stage of one seed before that of another."""

    def __call__(self, stage_steps, total_steps, training_metrics):
        return training_metrics.means().get("return", 0) > 30


def test_what_may_end_elsewhere_in_another_trial_is_not_shared():
    def shared(criterion, seeds):
        setups = [
            TrialSetup(
                pipeline_of(3, second, criterion=criterion), "CartPole-v1", EVALUATION, 4, None
            )
            for second in (0, 1)
        ]
        return shared_prefixes(
            {number: prefixes_of(setup, seeds, {}) for number, setup in enumerate(setups)}
        )

    assert len(shared(None, [0, 1])) == len(shared(Sometimes(), [0])) == 2
    assert not shared(Sometimes(), [0, 1])
    assert not shared(SchedulerCriterion("asha"), [0])


@pytest.mark.parametrize(
    "change",
    [
        {"world": "PoisonedDoors-v0"},
        {"lanes": 8},
        {"seeds": [1]},
        {"code": {"mine": "0"}},
        {"pipeline": pipeline_of(4, 1)},
        {"pipeline": pipeline_of(3, 1, has_expert=True)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_trials_that_differ_before_share_nothing(change):
    given = {"world": "CartPole-v1", "lanes": 4, "seeds": [0], "code": {}}

    def found(second, **more):
        use = given | {"pipeline": pipeline_of(3, second)} | more
        setup = TrialSetup(use["pipeline"], use["world"], EVALUATION, use["lanes"], None)
        return prefixes_of(setup, use["seeds"], use["code"])

    assert shared_prefixes({0: found(0), 1: found(1)}).keys() == {0, 1}
    assert not shared_prefixes({0: found(0), 1: found(1, **change)})
    assert ALONE.prefix is None
