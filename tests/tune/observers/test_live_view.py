import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from segue.tune.observers.board import Board
from segue.tune.observers.live_table import best, status, table
from segue.tune.observers.live_view import LiveView
from segue.tune.run.directory import RunDirectory
from segue.tune.searcher.budget import Budget
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import make_sweep
from tests.tune.support.fake_tune import open_record


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def record(tmp_path: Path) -> StudyRecord:
    return open_record(tmp_path, make_sweep())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(record: StudyRecord, clock: Clock) -> Board:
    return Board(record, make_sweep(), Budget(16, 2400), clock)


def test_steps_count_what_this_run_trained(board: Board, record: StudyRecord, clock: Clock) -> None:
    for number in (0, 1):
        record.begin(number)
        board.started(number)
    clock.now += 10.0
    board.reported(0, _row(600))
    board.reported(1, _row(400) | {"replayed": True})  # of an earlier run
    board.reported(1, _row(500))
    assert board.steps == 1200 + 200
    assert board.steps_per_second == 140
    record.complete(0, 1200, 1.0, {"env_steps": 1200})
    board.ended(0)
    assert board.steps == 1400


def test_time_left_follows_the_length_of_the_trials_so_far(
    board: Board, record: StudyRecord, clock: Clock
) -> None:
    assert board.seconds_left is None
    record.begin(0)
    board.started(0)
    clock.now += 1.0
    board.reported(0, _row(200))
    record.stop(0, 200, 0.5, {"env_steps": 200})
    board.ended(0)
    assert board.steps_per_second == 400
    assert board.seconds_left == 15 * 400 / 400


@pytest.mark.parametrize(
    ("env_steps", "seconds", "left"),
    [(2_400, None, 2_000 / 400), (300, None, 0.0), (None, 4.0, 3.0), (None, 0.5, 0.0)],
)
def test_time_left_is_within_the_budgets(
    record: StudyRecord,
    clock: Clock,
    env_steps: int | None,
    seconds: float | None,
    left: float,
) -> None:
    board = Board(record, make_sweep(time_budget_s=seconds), Budget(16, 2400, env_steps), clock)
    record.begin(0)
    board.started(0)
    clock.now += 1.0
    board.reported(0, _row(200))
    record.stop(0, 200, 0.5, {"env_steps": 200, "total_env_steps": 400})
    board.ended(0)
    assert board.seconds_left == left


def test_a_trial_that_starts_again_keeps_its_steps(
    board: Board, record: StudyRecord, clock: Clock
) -> None:
    board.started(0)
    board.reported(0, _row(300))
    board.started(0)
    board.reported(0, _row(300) | {"replayed": True})
    board.reported(0, _row(400))
    assert board.steps == 800


@pytest.mark.parametrize(("width", "columns", "ended"), [(60, 0, 2), (80, 2, 4), (120, 3, 4)])
def test_the_table_fits(
    board: Board, record: StudyRecord, clock: Clock, width: int, columns: int, ended: int
) -> None:
    for number in range(14):
        record.begin(number)
        board.started(number)
        board.reported(number, _row(1_200_000_000, metric=-123.456789))
        if number > 1:
            record.complete(number, 1200, -123.4, {"env_steps": 1_200_000_000, "stage": 1})
            board.ended(number)
    clock.now += 3600.0
    console = Console(
        file=io.StringIO(), width=width, height=14, force_terminal=True, color_system=None
    )
    console.print(table(board, console))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    assert len(lines) < 14  # a longer one would leave lines behind
    names = ("first_steps", "lr", "gae_lambda")
    assert [name in lines[1] for name in names] == [True] * columns + [False] * (3 - columns)
    shown = "\n".join(lines)
    assert shown.count("running") == 2 + 1  # and once in the line below
    assert shown.count("complete") == ended
    assert f"and {12 - ended} more" in shown
    assert "first_steps 400, lr 0.0003, gae_lambda 0.8" in "".join(lines[-2:])  # of the best
    assert "1,200,000,000" in shown
    assert "2,400,000,000" not in shown  # steps are a member's, as in every report
    assert "-123.5" in shown


def test_the_status_is_one_line_for_people(board: Board, record: StudyRecord, clock: Clock) -> None:
    assert status(board) == "0 of 16 done, 16 waiting"
    for number in range(3):
        record.begin(number)
        board.started(number)
        board.reported(number, _row(600))
    clock.now += 10.0
    record.stop(0, 600, 1.0, {"env_steps": 600})
    board.ended(0)
    assert status(board) == (
        "1 of 16 done, 1 pruned, 2 running, 13 waiting, 360 steps/s, 50 s left"
    )


def test_the_best_is_by_the_mode_among_trials_that_ended(record: StudyRecord) -> None:
    for number, value in enumerate((1.0, 3.0, 2.0)):
        record.begin(number)
        record.complete(number, 1200, value, {})
    record.begin(3)
    record.stop(3, 200, 9.0, {})
    highest = best(Board(record, make_sweep(), Budget(16, 2400)))
    assert highest.startswith("best: trial 1, return 3, with first_steps 400, lr")
    lowest = best(Board(record, make_sweep(mode="min"), Budget(16, 2400)))
    assert lowest.startswith("best: trial 0, return 1, with")


def test_without_a_terminal_a_line_comes_at_each_end_and_every_ten_seconds(
    board: Board, record: StudyRecord, clock: Clock, tmp_path: Path
) -> None:
    console = Console(file=io.StringIO(), width=60)
    with LiveView(board, RunDirectory(tmp_path), console, clock) as view:
        record.begin(0)
        board.started(0)
        clock.now += 9.0
        view.tick([])
        assert console.file.getvalue() == ""  # type: ignore[attr-defined]
        clock.now += 1.0
        board.reported(0, _row(600))
        view.tick([])
        view.tick([])
        record.pause(0, 600, 1.5, {})
        board.ended(0)
        view.ended(0)
        record.complete(0, 1200, 2.0, {"env_steps": 1200})
        view.ended(0)
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "0 of 16 done, 1 running, 15 waiting, 120 steps/s, 5 min left",
        "trial 0 paused at 600 steps: return 1.5 | 0 of 16 done, 1 paused, 15 waiting,"
        " 120 steps/s, 5 min left",
        "trial 0 complete: return 2 | 1 of 16 done, 15 waiting, 120 steps/s, 5 min left",
    ]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_failure_is_printed_with_its_log(
    board: Board, record: StudyRecord, tmp_path: Path, terminal: bool
) -> None:
    console = Console(file=io.StringIO(), width=60, force_terminal=terminal)
    with LiveView(board, RunDirectory(tmp_path), console) as view:
        record.begin(0)
        board.started(0)
        record.fail(0, "ValueError: [diverged]", {})
        board.ended(0)
        view.ended(0)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"trial 0 failed: ValueError: [diverged] (log: {tmp_path}/trials/0000/log.txt)" in said


def _row(step: int, metric: float = 1.0) -> dict[str, Any]:
    return {"return": metric, "env_steps": step, "total_env_steps": 2 * step, "stage": 0}
