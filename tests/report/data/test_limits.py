"""A sweep that a limit has ended says so, rather than that trials are waiting."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from segue.base.lock import locked
from segue.record.study.attributes import ENV_STEPS, FORKED_FROM, TOTAL_ENV_STEPS
from segue.report.data.facts import facts
from segue.report.data.limits import reached_limit
from segue.report.data.summary import Summary, read_summary
from segue.report.overview import progress_line
from segue.tune.cluster.session import suppress_ray_warnings
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import make_sweep
from tests.tune.support.fake_tune import open_record

FULL = 2400  # steps of a trial of the double: 1200 for each of two seeds
SPENT = (
    "The budget of 7,000 steps is spent: 1,200 are left, and a trial takes up to 2,400"
    " (--max-steps)."
)
Written = Callable[..., Summary]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Returns a run of 16 trials with these limits, of which the first have these values."""

    def write(
        values: Sequence[float], end: Callable[[StudyRecord], None] = lambda _: None, **limits: Any
    ) -> Summary:
        run = RunDirectory(tmp_path / "run")
        sweep = make_sweep(**limits)
        with suppress_ray_warnings(), open_run(run, sweep, "double", longest_trial=FULL):
            record = open_record(run.path, sweep)
            for number, value in enumerate(values):
                record.begin(number)
                record.complete(number, 1200, value, {TOTAL_ENV_STEPS: FULL})
            end(record)
            record.close()
        return read_summary(run.path)

    return write


def test_a_trial_that_the_search_has_paused_neither_runs_nor_is_interrupted(
    written: Written,
) -> None:
    def pause(record: StudyRecord) -> None:
        for number in (1, 2):
            record.begin(number)
        record.pause(2, 500, 0.1, {TOTAL_ENV_STEPS: 1000})

    summary = written([0.5], pause)
    assert progress_line(summary) == (
        "double: 16 trials: 1 complete, 1 paused, 1 interrupted, 13 waiting"
    )
    assert [trial.state for trial in facts(summary)][:3] == ["complete", "interrupted", "paused"]
    with locked(summary.layout.lock):
        assert progress_line(summary) == (
            "double: 16 trials: 1 complete, 1 running, 1 paused, 13 waiting"
        )


def test_a_budget_of_steps_without_room_for_a_trial(written: Written, tmp_path: Path) -> None:
    def stop(record: StudyRecord) -> None:
        record.begin(2)
        record.stop(2, 500, 0.1, {TOTAL_ENV_STEPS: 1000})

    summary = written([0.5, 0.6], stop, max_env_steps=7_000)
    assert reached_limit(summary) == SPENT
    counts = "3 of at most 16 trials: 2 complete, 1 stopped early"
    assert progress_line(summary) == f"double: {counts}. {SPENT.removesuffix('.')}"
    with locked(summary.layout.lock):
        assert reached_limit(summary) is None


def test_shared_steps_are_spent_once(written: Written) -> None:
    def fork(record: StudyRecord) -> None:
        record.begin(2)
        shared = {"trial": 0, ENV_STEPS: 1150, TOTAL_ENV_STEPS: FULL - 100}
        record.complete(2, 1200, 0.1, {TOTAL_ENV_STEPS: FULL, FORKED_FROM: shared})

    assert reached_limit(written([0.5, 0.6], fork, max_env_steps=3 * FULL + 100)) is None


def test_an_interrupted_trial_is_yet_to_train(written: Written) -> None:
    summary = written([0.5, 0.6], lambda record: record.begin(2), max_env_steps=6_000)
    assert reached_limit(summary) is None
    assert progress_line(summary).endswith("2 complete, 1 interrupted, 13 waiting")


@pytest.mark.parametrize(
    ("mode", "values", "number"), [("max", [0.5, 0.9, 0.7], 1), ("min", [0.9, 0.8, 0.7], 2)]
)
def test_a_target(written: Written, mode: str, values: list[float], number: int) -> None:
    summary = written(values, mode=mode, target=0.7)
    assert reached_limit(summary) == f"Trial {number} reached the target of 0.7 (--target)."
    assert progress_line(summary).startswith("double: 3 of at most 16 trials: 3 complete. Trial")


@pytest.mark.parametrize("limits", [{}, {"max_env_steps": 4 * FULL}, {"target": 0.8}], ids=str)
def test_limits_that_allow_further_trials_are_not_named(
    written: Written, limits: dict[str, Any]
) -> None:
    summary = written([0.5, 0.6, 0.7], **limits)
    assert reached_limit(summary) is None
    assert progress_line(summary) == "double: 16 trials: 3 complete, 13 waiting"


def test_trials_that_have_all_started_need_no_limit(written: Written) -> None:
    summary = written([0.5] * 16, max_env_steps=16 * FULL, target=0.5)
    assert reached_limit(summary) is None
    assert progress_line(summary) == "double: 16 trials: 16 complete"
