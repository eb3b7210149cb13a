import errno
import math
import sys
import warnings
from collections import deque
from pathlib import Path
from typing import Any

import pytest
import torch
from ray import cloudpickle, tune

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.seeding import set_deterministic_cudnn
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import LOG
from segue.tune.checks.sweep import check_sweep
from segue.tune.failures import one_line
from segue.tune.run.directory import RunDirectory
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import DISK_FULL, FAILURE
from segue.tune.worker.messages import Assignment, Message, Reply
from segue.tune.worker.worker import make_worker
from tests.tune.support.doubles import CONFIG, make_runner, make_sweep, pipeline
from tests.tune.support.worker import SEVEN, FakeDispatcher, rows_of, work


def test_a_trial_reports_each_row_from_its_own_directory(tmp_path: Path) -> None:
    reports = rows_of(make_sweep(), tmp_path, make_runner())
    assert [row["env_steps"] for row in reports] == list(range(100, 1300, 100))
    assert (tmp_path / "trials" / "0007" / "results.jsonl").exists()


def test_an_exception_is_a_last_report_and_its_traceback_is_in_the_log(tmp_path: Path) -> None:
    runner = make_runner(fails_at={"first_steps": 400})
    reports = rows_of(make_sweep(), tmp_path, runner)
    assert [row["env_steps"] for row in reports] == [100, 200, 200]
    assert math.isnan(reports[-1]["return"])
    assert reports[-1][FAILURE] == "FloatingPointError: The metric 'return' is nan after 300 steps."
    assert "Traceback" in (tmp_path / "trials" / "0007" / LOG).read_text()


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), MemoryError(), ValueError("first\nsecond")]
)
def test_whatever_ends_a_trial_is_reported(tmp_path: Path, error: BaseException) -> None:
    def run(*arguments: Any, **keywords: Any) -> None:
        raise error

    reports = rows_of(make_sweep(), tmp_path, run)
    (row,) = reports
    assert row[FAILURE] == one_line(error)
    assert "\n" not in row[FAILURE]
    assert row["env_steps"] == 0


def test_after_an_exception_it_resumes_from_the_checkpoint(tmp_path: Path) -> None:
    steady = make_runner()
    calls = []

    def flaky(*arguments: Any, report: Any, **keywords: Any) -> None:
        calls.append(1)

        def breaks(row: dict[str, Any]) -> None:
            report(row)
            if row["env_steps"] == 300 and len(calls) < 3:
                raise ConnectionError("lost")

        steady(*arguments, report=breaks, **keywords)

    reports = rows_of(make_sweep(), tmp_path, flaky)
    assert len(calls) == 3 and FAILURE not in reports[-1] and reports[-1]["final"]
    assert [row["env_steps"] for row in reports if not row.get("replayed")] == list(
        range(100, 1300, 100)
    )
    log = (tmp_path / "trials" / "0007" / LOG).read_text()
    assert "Trying again from the newest checkpoint; 2 attempts left." in log
    assert "Trying again from the newest checkpoint; 1 attempt left." in log


@pytest.mark.parametrize(
    ("error", "retries", "attempts"),
    [
        (ConnectionError("lost"), 2, 3),
        (ConnectionError("lost"), 0, 1),
        (FloatingPointError("nan"), 2, 1),
        (OSError(errno.ENOSPC, "No space left on device"), 2, 1),
    ],
)
def test_how_often_it_is_tried(
    tmp_path: Path, error: Exception, retries: int, attempts: int
) -> None:
    calls = []

    def run(*arguments: Any, **keywords: Any) -> None:
        calls.append(1)
        raise error

    reports = rows_of(make_sweep(retries=retries), tmp_path, run)
    assert len(calls) == attempts
    assert reports[-1][FAILURE] == one_line(error)
    assert (DISK_FULL in reports[-1]) == (getattr(error, "errno", None) == errno.ENOSPC)


def test_a_stop_is_not_a_failure_and_the_worker_takes_the_next_trial(tmp_path: Path) -> None:
    starts = [Assignment(number, CONFIG["recorded"]) for number in (3, 4)]
    dispatcher = work(make_sweep(), tmp_path, make_runner(), starts, stop_at=[(3, 200)])
    reported = [row["env_steps"] for number, row in dispatcher.reports if number == 3]
    assert reported == [100, 200]
    assert [row for _, row in dispatcher.reports if FAILURE in row] == []
    assert dispatcher.reports[-1][0] == 4 and dispatcher.reports[-1][1]["final"]


def test_a_process_that_tune_ends_reports_nothing_more(tmp_path: Path) -> None:
    heard = []

    def exchange(message: Message) -> Reply:
        heard.append(message)
        if message.reports:
            raise SystemExit(0)
        return Reply(begin=[SEVEN])

    worker = make_worker(
        make_sweep(), RunDirectory(tmp_path), make_runner(), exchange=lambda config: exchange
    )
    with pytest.raises(SystemExit):
        worker({})
    assert [row["env_steps"] for message in heard for _, row in message.reports] == [100]


@pytest.mark.parametrize("asked", [True, False])
def test_the_sweep_file_can_make_cudnn_deterministic_in_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    found = []
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    if asked:
        set_deterministic_cudnn()
    worker = make_worker(
        make_sweep(),
        RunDirectory(tmp_path),
        lambda *a, **k: found.append(torch.backends.cudnn.deterministic),
        exchange=lambda config: FakeDispatcher(deque([SEVEN])),
    )
    torch.backends.cudnn.deterministic = False  # as in a worker, which does not run the sweep file
    worker({})
    assert found == [asked]


def test_what_a_trial_prints_is_in_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: Any, **keywords: Any) -> None:
        print("hello")
        print("hm", file=sys.stderr)

    rows_of(make_sweep(), tmp_path, run)
    log = (tmp_path / "trials" / "0007" / LOG).read_text()
    assert log.startswith("hello\nhm\n") and log.count("hello") == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("resources", "device"), [({"cpu": 1}, "cpu"), ({"cpu": 1, "gpu": 0.25}, "cuda")]
)
def test_a_gpu_is_used_where_the_trial_has_one(
    tmp_path: Path, resources: dict[str, float], device: str
) -> None:
    given: list[str] = []

    def run(*arguments: Any, device: str, **keywords: Any) -> None:
        given.append(device)

    rows_of(make_sweep(resources=resources, retries=0), tmp_path, run)
    assert given == [device]


def test_warnings_are_left_to_the_log() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one_line(ValueError("")) == "ValueError"


def short() -> None:
    """A function as a choice: it is compared by identity."""


def long() -> None:
    """Another one."""


LENGTHS = {short: 400, long: 800}


def of_kind(kind: Any, lr: float = 1e-3) -> TrainingPipeline:
    assert kind is short or kind is long
    return pipeline(LENGTHS[kind], lr, 0.9)


def asked(trial: Any) -> dict[str, Any]:
    return {"kind": trial.suggest_categorical("kind", [short, long])}


@pytest.mark.parametrize(
    "given",
    [
        {"space": {"kind": tune.grid_search([short, long])}},
        {"space": {"kind": tune.choice([short, long])}, "points": [{"kind": long}], "trials": 2},
        {"space": {"kind": long, "lr": tune.grid_search([1e-3, 1e-4])}},
        {"space": asked, "points": [{"kind": long}], "trials": 2},
    ],
    ids=["grid", "points", "constant", "define-by-run"],
)
def test_a_worker_compares_choices_with_its_own_objects(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    kinds: list[str] = []

    def run(sweep: Sweep, parameters: Any, directory: Path, **keywords: Any) -> None:
        sweep.at(parameters)
        kinds.append(parameters["kind"].__name__)

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as the module of a sweep file is
    try:
        sweep = make_sweep(pipeline=of_kind, scheduler=None, **given)
        space = check_sweep(sweep).space
        record = StudyRecord(tmp_path / "study.db", "double", sweep.mode, space)
        record.plan(sweep.planned())
        starts = [Assignment(number, record.trial(number).params) for number in range(len(record))]
        reports = work(sweep, tmp_path, run, starts).reports
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    assert not [row[FAILURE] for _, row in reports if "returned before" not in row[FAILURE]]
    recorded = [record.parameters(number)["kind"] for number in range(len(record))]
    assert kinds == [kind.__name__ for kind in recorded] != []
