"""Whatever ends an attempt, at whatever moment: the next one leaves what an uninterrupted run
leaves, bit for bit.
"""

import fcntl
import json
from dataclasses import replace

import numpy as np
import pytest

from segue.base.files import append_row
from segue.base.lock import LockedError
from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.decision import Exploit
from segue.record.checkpoints import steps_of
from segue.train.checkpoint import newest_first, save_checkpoint
from segue.train.trials import attempt, files
from tests.train.support.pipelines import ROLLOUT, stage
from tests.train.support.same import assert_same_state
from tests.train.support.trials import (
    EVALUATION,
    REPORTS,
    AttemptEndedError,
    final_state,
    interrupted_after,
    plan,
    rows,
    run,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    run(directory)
    return directory


@pytest.mark.parametrize("reports", range(1, REPORTS + 1))
def test_interrupted_at_any_report_it_ends_as_if_it_had_not_been(tmp_path, whole, reports):
    first = interrupted_after(tmp_path, reports)
    heard = []
    run(tmp_path, report=heard.append)
    assert heard[0] == first[-1] | {"replayed": True}
    assert first + heard[1:] == rows(tmp_path) == rows(whole)
    assert_same_state(final_state(tmp_path), final_state(whole))


@pytest.mark.parametrize("count", [2, 9])
def test_its_last_row_has_the_mean_over_the_last_reports_of_its_stage(tmp_path, whole, count):
    evaluation = replace(EVALUATION, mean_of_last=count)
    interrupted_after(tmp_path, REPORTS - 1, evaluation=evaluation)
    run(tmp_path, evaluation=evaluation)
    *before, last = rows(whole)
    in_stage = [row["metric_per_seed"] for row in [*before[2:], last]]
    assert len(in_stage) == 3  # in the second of two stages
    per_seed = np.mean(in_stage[-count:], axis=0)
    *same, found = rows(tmp_path)
    assert same == before
    assert found["metric_per_seed"] == pytest.approx(per_seed)
    assert found["return"] == pytest.approx(per_seed.mean())
    assert found["evaluation"] == last["evaluation"]  # of the last report alone


def test_the_mean_leaves_out_the_agent_before_another_checkpoint_was_adopted(tmp_path, whole):
    evaluation = replace(EVALUATION, mean_of_last=9)
    interrupted_after(tmp_path, REPORTS - 1, evaluation=evaluation)
    donor = newest_first(tmp_path / "checkpoints")[0]
    run(tmp_path, evaluation=evaluation, exploit=Exploit(1, donor, {}))
    *before, last = rows(whole)
    assert rows(tmp_path) == [*before, last | {"generation": 1}]


def test_interrupted_again_and_again(tmp_path, whole):
    interrupted_after(tmp_path, 1)
    for _ in range(REPORTS - 1):
        interrupted_after(tmp_path, 2)  # the first one repeats what was reported last
    run(tmp_path)
    assert rows(tmp_path) == rows(whole)
    assert_same_state(final_state(tmp_path), final_state(whole))


def test_rows_after_the_checkpoint_are_written_again(tmp_path):
    made = plan(save_interval=0)  # saved at the ends of stages only
    first = interrupted_after(tmp_path, 4, made)
    heard = []
    run(tmp_path, made, heard.append)
    assert heard[0] == first[1] | {"replayed": True}
    assert heard[1:3] == first[2:]
    assert rows(tmp_path) == first[:2] + heard[1:]


def test_what_is_complete_is_only_repeated(tmp_path, whole):
    last = run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").iterdir()}
    heard = []
    assert run(tmp_path, report=heard.append) == last
    assert heard == [last | {"replayed": True}]
    assert {
        path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").iterdir()
    } == before
    assert rows(tmp_path) == rows(whole)


@pytest.mark.parametrize("keep", [0, 1000])
def test_a_damaged_checkpoint_is_reported_and_changes_no_result(tmp_path, whole, keep, caplog):
    interrupted_after(tmp_path, 4)
    newest = newest_first(tmp_path / "checkpoints")[0]
    newest.write_bytes(newest.read_bytes()[:keep])
    run(tmp_path)
    assert (newest.parent / f"damaged-{newest.name}").exists()
    assert f"{newest} is damaged and was set aside" in caplog.text
    assert rows(tmp_path) == rows(whole)
    assert_same_state(final_state(tmp_path), final_state(whole))


@pytest.mark.parametrize("number", range(REPORTS))
def test_a_row_that_was_torn_is_written_again(tmp_path, whole, monkeypatch, number):
    def tear(path, row):
        if row["env_steps"] == rows(whole)[number]["env_steps"]:
            with path.open("a") as file:
                file.write(json.dumps(row)[:-20])
            raise AttemptEndedError
        append_row(path, row)

    with monkeypatch.context() as patched, pytest.raises(AttemptEndedError):
        patched.setattr(files, "append_row", tear)
        run(tmp_path)
    run(tmp_path)
    assert rows(tmp_path) == rows(whole)
    assert_same_state(final_state(tmp_path), final_state(whole))


def test_rows_that_were_removed_are_not_begun_again_in_another_file(tmp_path):
    results = tmp_path / "results.jsonl"

    def remove(row):
        if row["env_steps"] > ROLLOUT:
            results.unlink(missing_ok=True)

    with pytest.raises(FileNotFoundError, match="was removed while it was in use"):
        run(tmp_path, report=remove)
    assert not results.exists()


@pytest.mark.parametrize("number", range(7))
def test_a_checkpoint_that_was_not_finished_is_written_again(tmp_path, whole, monkeypatch, number):
    def tear(directory, env_steps, state):
        if env_steps == (number + 1) * ROLLOUT:
            raise AttemptEndedError
        save_checkpoint(directory, env_steps, state)

    with monkeypatch.context() as patched, pytest.raises(AttemptEndedError):
        patched.setattr(files, "save_checkpoint", tear)
        run(tmp_path)
    run(tmp_path)
    assert rows(tmp_path) == rows(whole)
    assert_same_state(final_state(tmp_path), final_state(whole))


def test_without_a_save_interval_it_begins_again_and_saves_at_its_end(tmp_path):
    made = plan(save_interval=None)
    first = interrupted_after(tmp_path, 3, made)
    heard = []
    run(tmp_path, made, heard.append)
    assert heard[:3] == first
    (last,) = (tmp_path / "checkpoints").iterdir()
    assert steps_of(last) == heard[-1]["env_steps"]


def test_a_second_process_in_the_directory_is_refused(tmp_path, monkeypatch, whole):
    monkeypatch.setattr(attempt, "ORPHAN_SECONDS", 0.1)

    def report(row):
        with pytest.raises(LockedError, match="in use by another process"):
            run(tmp_path)

    run(tmp_path, report=report)
    assert rows(tmp_path) == rows(whole)


def test_it_waits_for_a_process_that_is_about_to_end(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("segue.base.lock.time.sleep", lambda seconds: asked.append(holder.close()))
    holder = (tmp_path / "lock").open("a")
    fcntl.flock(holder, fcntl.LOCK_EX)
    run(tmp_path)
    assert asked


class Raises(EarlyStoppingCriterion):
    """Raises when it is called."""

    def __call__(self, stage_steps, total_steps, training_metrics):
        raise ZeroDivisionError


def test_any_failure_releases_the_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(attempt, "ORPHAN_SECONDS", 0.0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, plan(stage(early_stopping_criterion=Raises()), save_interval=None))
    run(tmp_path)


def test_another_pipeline_is_refused_or_starts_from_scratch_with_the_old_files_aside(
    tmp_path, whole
):
    interrupted_after(tmp_path, 2)
    kept = rows(tmp_path)
    other = plan(gamma=0.5)
    with pytest.raises(ValueError, match="holds a checkpoint of another trial"):
        run(tmp_path, other)
    assert rows(tmp_path) == kept
    run(tmp_path, other, accept_changes=True)
    assert rows(tmp_path / "before-0") == kept
    assert newest_first(tmp_path / "before-0" / "checkpoints")
    assert rows(tmp_path)[-1]["final"] and rows(tmp_path) != rows(whole)
