"""A service receives each report and each end once, whatever happens in between."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segue.base.files import append_row, read_rows
from segue.record.study.trials import TrialSummary
from segue.tune.observers.ledger import Ledger
from segue.tune.observers.service import ServiceThread, values_of
from segue.tune.observers.services import send_report
from segue.tune.run.directory import RunDirectory
from tests.tune.support.doubles import learning_curve, make_sweep

RUNNING = TrialSummary(number=0, state="running", parameters={"lr": 0.1})
ENDED = replace(RUNNING, state="complete", values={"return": 1.0}, env_steps=300)


class FakeService:
    """A service that remembers."""

    def __init__(self, fails: int = 0) -> None:
        self.said: list[Any] = []
        self.fails = fails

    def open_run(self, facts: TrialSummary) -> None:  # says nothing of what it has
        self.fails -= 1
        if self.fails >= 0:
            raise ConnectionError("nobody\nis there")
        self.said.append("open")

    def log(self, number: int, step: int, values: Mapping[str, float]) -> None:
        self.said.append(step)

    def finish_run(self, facts: TrialSummary) -> None:
        self.said.append(facts.state)

    def attach(self, report: Path) -> None:
        self.said.append(report.name)

    def close(self) -> None:
        self.said.append("close")


def service_thread(path: Path, service: Any) -> ServiceThread:
    return ServiceThread(
        "service",
        lambda identity: service,
        Ledger(path / "logged" / "service.jsonl"),
        RunDirectory(path),
    )


def report(path: Path, *steps: int) -> None:
    results = RunDirectory(path).trial(0).results
    results.parent.mkdir(parents=True, exist_ok=True)
    for step in steps:
        append_row(results, {"env_steps": step, "return": 1.0, "evaluation": {}})


def test_each_report_is_logged_once_by_any_number_of_drivers(tmp_path: Path) -> None:
    service = FakeService()
    for steps, facts in (((100,), RUNNING), ((200, 300), RUNNING), ((), ENDED), ((), ENDED)):
        report(tmp_path, *steps)
        thread = service_thread(tmp_path, service)
        thread.update(facts)
        thread.close()
    assert service.said == [
        "open",
        100,
        "close",
        "open",
        200,
        300,
        "close",
        "open",
        "complete",
        "close",
    ]
    with (tmp_path / "logged" / "service.jsonl").open("a") as file:
        file.write('{"trial": 1, "env')  # a kill between
    ledger = Ledger(tmp_path / "logged" / "service.jsonl")
    assert (ledger.steps, ledger.ended) == ({0: 300}, {0})
    assert ledger.identity == read_rows(tmp_path / "logged" / "service.jsonl")[0]["identity"]


def test_the_report_is_sent_to_each_service_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = FakeService()
    monkeypatch.setattr("segue.tune.observers.services._service", lambda name: lambda *a: service)
    send_report(["mlflow", "mlflow"], "double", RunDirectory(tmp_path), tmp_path / "report.html")
    assert service.said == ["report.html", "close"]
    send_report([], "double", RunDirectory(tmp_path), tmp_path / "report.html")
    assert service.said == ["report.html", "close"]


def test_a_failing_service_is_reported_once_and_receives_the_rest_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = FakeService(fails=2)
    report(tmp_path, 100)
    thread = service_thread(tmp_path, service)
    for _ in range(3):
        thread.update(RUNNING)
    thread.close()
    assert service.said == ["open", 100, "close"]
    assert (
        capsys.readouterr().err
        == "service cannot be updated (ConnectionError: nobody): the sweep continues.\n"
        "service did not receive everything: run the same command again to send the rest.\n"
    )


def test_a_hanging_service_times_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = FakeService()
    free = threading.Event()
    service.open_run = lambda facts: free.wait()  # type: ignore[method-assign,assignment,return-value]
    thread = service_thread(tmp_path, service)
    thread.update(RUNNING)
    began = time.monotonic()
    thread.close(patience=0.2)
    assert time.monotonic() - began < 60.0
    free.set()
    assert "did not receive everything" in capsys.readouterr().err


def test_only_numbers_are_logged_with_precedence_for_the_sweeps_metric() -> None:
    row = learning_curve(make_sweep(), {"lr": 1e-3, "gae_lambda": 0.9, "first_steps": 400}, 400)
    diagnostics = {"approx_kl": 0.01}
    values = values_of(
        {**row, "evaluation": {"return": -1.0, "length": 9.0}, "diagnostics": diagnostics}
    )
    assert values == {
        "length": 9.0,
        "return": row["return"],
        "env_steps": 400,
        "total_env_steps": 800,
        "stage": 1,
        "stages": 2,
        "stage_steps": 400,
        "diagnostics/approx_kl": 0.01,
    }


def test_values_of_each_seed_are_logged_on_request() -> None:
    row = learning_curve(make_sweep(), {"lr": 1e-3, "gae_lambda": 0.9, "first_steps": 400}, 400)
    more = values_of(row, "return").items() - values_of(row).items()
    seeds = row["metric_per_seed"]
    assert dict(more) == {"return/seed-0": seeds[0], "return/seed-1": seeds[1]}
