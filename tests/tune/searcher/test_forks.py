"""Which trials are held for the training that they share, on the real study, without Ray."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from segue.record.checkpoints import checkpoint_name
from segue.record.files.prefixes import read_prefix
from segue.record.study.stages import Stages
from segue.store.objects import Store
from segue.tune.run.directory import RunDirectory
from segue.tune.run.prefixes import PrefixStore
from segue.tune.schedulers.replay import judged_rows
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.forks import Forks, forks_of
from segue.tune.sharing import explained_sharing, shares_stages
from tests.tune.support.doubles import forking_pipeline, learning_curve, make_sweep
from tests.tune.support.fake_tune import open_record

FIRST = 400  # steps of the first stage of trials 0 to 7
PAIR = (0, 1)  # trials that differ in what affects the second stage only
SWEEP = make_sweep(pipeline=forking_pipeline, scheduler=None)


class Study:
    """A study of 16 trials, of which each two share their first stage, and their directories."""

    def __init__(self, path: Path) -> None:
        self.run = RunDirectory(path)
        self.record = open_record(path, SWEEP)
        self.forks = self.reopened()

    def reopened(self, *, is_on: bool = True) -> Forks:
        return forks_of(SWEEP, self.record, PrefixStore(self.run), is_on=is_on)

    def report(self, number: int, step: int, **marks: Any) -> None:
        """Let a trial report, with a checkpoint, as scheduler and searcher then record it."""
        row = learning_curve(SWEEP, self.record.parameters(number), step) | marks
        checkpoints = self.run.trial(number).checkpoints()
        checkpoints.mkdir(parents=True, exist_ok=True)
        (checkpoints / checkpoint_name(step, "0" * 16)).write_bytes(b"weights")
        stages = self.record.stages(number) or Stages(2)
        self.record.record_stages(number, stages.with_report(row))
        self.forks.reported(number, row)
        self.record.report(number, step, row["return"])


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study(tmp_path)
    made.record.begin(0)
    return made


def test_the_others_wait_until_the_stage_is_stored_and_begin_with_it(study: Study) -> None:
    first = study.forks.shared(0)
    assert first["prefix"] is None and first["saved_after"] == (0,)
    assert study.forks.first_of(PAIR[1:]) is None
    assert study.forks.first_of(range(1, 16)) == 2, "trials of other first stages are assigned"
    study.report(0, FIRST - 100)
    assert study.forks.first_of(PAIR[1:]) is None
    study.report(0, FIRST)
    assert study.forks.first_of(PAIR[1:]) == 1
    shared = study.forks.shared(1)
    assert shared["saved_after"] == ()
    stored = read_prefix(study.run.prefix(shared["prefix"]))
    assert (stored.trial, stored.env_steps) == (0, FIRST)
    assert study.reopened().shared(1) == shared, "after a restart as well"


def test_what_is_stored_is_removed_with_the_last_trial_that_could_need_it(study: Study) -> None:
    study.report(0, FIRST)
    key = study.forks.shared(1)["prefix"]
    for number in PAIR:
        assert study.run.prefix(key).exists()
        study.record.fail(number, "wrong", {})
        study.forks.ended(number)
    assert not study.run.prefix(key).exists()


@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.PRUNED])
def test_a_trial_that_ends_before_the_stage_does_is_followed_by_the_next(
    study: Study, state: TrialState
) -> None:
    study.report(0, 100)
    if state == TrialState.FAIL:
        study.record.fail(0, "wrong", {})
    else:
        study.record.stop(0, 200, 0.5, {})
    assert study.forks.first_of(PAIR[1:]) == 1
    assert study.forks.shared(1) == {"prefix": None, "saved_after": (0,)}


def test_a_stage_that_was_ended_before_its_length_is_not_stored(study: Study) -> None:
    study.record.record_stage_end(0, 0, "a person")
    study.report(0, FIRST)
    assert study.forks.shared(1)["prefix"] is None
    assert study.forks.first_of(PAIR[1:]) == 1


def test_a_report_that_is_repeated_after_a_kill_stores_what_is_missing(study: Study) -> None:
    study.forks = Forks(study.record)
    study.report(0, FIRST)  # the driver is killed before it stores anything
    study.forks = study.reopened()
    assert study.forks.shared(1)["prefix"] is None
    study.forks.reported(0, learning_curve(SWEEP, study.record.parameters(0), FIRST))
    assert study.forks.shared(1)["prefix"] is not None


def test_adopted_steps_are_not_spent_and_are_marked_for_schedulers(study: Study) -> None:
    study.report(0, FIRST)
    study.record.begin(1)
    for step in (FIRST - 100, FIRST):
        study.report(1, step, forked_from=0)
    study.report(1, FIRST + 100)
    assert study.record.trial(1).user_attrs["forked_from"] == {
        "trial": 0,
        "env_steps": FIRST,
        "total_env_steps": 2 * FIRST,
    }
    budget = Budget(16)
    for number, steps in zip(PAIR, (2 * FIRST, 2 * (FIRST + 100)), strict=True):
        budget.advance(number, steps)
    assert budget.spent(study.record) == 2 * (FIRST + 100)
    seen = judged_rows(study.record.trial(1), [], "return")
    assert [(row["env_steps"], row.get("forked_from")) for row in seen] == [
        (FIRST - 100, 0),
        (FIRST, 0),
        (FIRST + 100, None),
    ]
    assert seen[-1]["stage"] == 1, "its stages are those of the whole trial"


def test_what_is_stored_in_a_store_reaches_the_worker_of_another_machine(tmp_path: Path) -> None:
    store = Store.of((tmp_path / "store").as_uri())
    driver, trained, begins = (RunDirectory(tmp_path / name, store) for name in "abc")
    trial = trained.trial(0)
    trial.checkpoints().mkdir(parents=True)
    (trial.checkpoints() / checkpoint_name(FIRST, "0" * 16)).write_bytes(b"weights")
    trial.results.write_text("{}\n")
    trained.trial_sync(0).upload()
    driver.path.mkdir()
    driver.definition.write_text("{}")
    shared = PrefixStore(driver)
    assert shared.store("key", 0, FIRST)
    begins.trial_sync(1).fetch_prefix("key")
    found = read_prefix(begins.prefix("key"))
    assert found.checkpoint.read_bytes() == b"weights" and found.trial == 0
    shared.remove("key")
    assert {name.partition("/")[0] for name in store.names()} == {"sweep.json", "trials"}


def test_nothing_is_shared_where_it_is_off(study: Study) -> None:
    off = study.reopened(is_on=False)
    assert off.shared(1) == {} and off.first_of(PAIR[1:]) == 1
    assert shares_stages(SWEEP, "random")
    assert not shares_stages(SWEEP, "freeze_thaw")
    for given in ({"share_prefixes": False}, {"scheduler": "pbt"}):
        assert not shares_stages(make_sweep(pipeline=forking_pipeline, **given), "random")


def test_what_sharing_saves_is_explained() -> None:
    """Of each two trials with a first stage of 400 or 800 steps, one; of two seeds."""
    assert explained_sharing(SWEEP, "random") == (
        "8 of 16 planned trials begin with what another one trains, which saves"
        f" {2 * 4 * (400 + 800):,} steps"
    )
    assert explained_sharing(make_sweep(), "random") == ""
    assert explained_sharing(make_sweep(pipeline=forking_pipeline, trials=1), "random") == ""
