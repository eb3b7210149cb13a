"""Notifications reach real servers and commands; the slow ones come from real sweeps."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from segue.base.files import read_rows
from segue.tune.observers.board import Board
from segue.tune.observers.notifier import Notifier, best_of, ending_of
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.searcher.budget import Budget
from segue.tune.verdicts import Verdicts
from tests.tune.support.doubles import make_sweep
from tests.tune.support.drivers import driving, run, trials_of, wait_for
from tests.tune.support.fake_tune import FakeTune, open_record


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """Of a sweep of which three trials have ended."""
    sweep = make_sweep(scheduler=None)
    record = open_record(tmp_path_factory.mktemp("board"), sweep)
    FakeTune(record, sweep, 3, {}).run()
    yield Board(record, sweep, Budget(3))
    record.close()


@contextmanager
def server(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """The address of a server, and what was posted to it."""
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/secret", posted
        serving.shutdown()
        thread.join()


def has_ended(process: int) -> bool:
    """Whether a process is gone, but for its parent's knowing."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def send(target: str | None, board: Board, seconds: float = 10.0) -> float:
    """Send a notification; return the seconds that it took."""
    began = time.monotonic()
    notifier = Notifier(target, "double", Path("runs/double"), board, seconds)
    notifier.send("done", "It has ended.")
    notifier.wait()
    return time.monotonic() - began


def test_a_url_is_sent_the_notification_as_json(board: Board) -> None:
    with server() as (url, posted):
        send(url, board)
    (notification,) = posted
    assert notification["event"] == "done"
    assert notification["name"] == "double"
    assert notification["run"] == str(Path("runs/double").absolute())
    assert notification["message"] == "It has ended."
    assert notification["text"] == "double: It has ended."
    assert notification["counts"] == {"complete": 3, "waiting": 13}
    best = max(board.record.trials[:3], key=lambda trial: trial.values[0])
    assert notification["best"] == {
        "trial": best.number,
        "metric": "return",
        "value": best.values[0],
        "parameters": best.params,
    }


def test_a_command_reads_it_and_has_the_rest_in_its_environment(
    board: Board, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    send(f"cat > {said}.json; echo $SEGUE_EVENT $SEGUE_RUN $SEGUE_MESSAGE > {said}", board)
    assert json.loads(said.with_suffix(".json").read_text())["event"] == "done"
    assert said.read_text() == f"done {Path('runs/double').absolute()} It has ended.\n"


def test_nothing_is_sent_without_a_target(board: Board) -> None:
    assert send(None, board) < 0.1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "echo sorry >&2; exit 3",
            "The notification was not delivered (RuntimeError: the command ended with 3: sorry).\n",
        ),
        (
            "exit 4",
            "The notification was not delivered (RuntimeError: the command ended with 4).\n",
        ),
        (
            "http://127.0.0.1:1/secret",
            "The notification was not delivered (URLError: <urlopen error [Errno 111] Connection",
        ),
    ],
)
def test_a_failure_is_reported_in_one_line(
    board: Board, capsys: pytest.CaptureFixture[str], target: str, said: str
) -> None:
    send(target, board)
    printed = capsys.readouterr().err
    assert printed.startswith(said)
    assert printed.count("\n") == 1
    assert "secret" not in printed


def test_a_refusal_by_the_server_is_reported(
    board: Board, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(status=403) as (url, _):
        send(url, board)
    assert (
        capsys.readouterr().err
        == "The notification was not delivered (HTTPError: HTTP Error 403: Forbidden).\n"
    )


def test_a_hanging_notification_times_out(
    board: Board, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(
        socket.create_server(("127.0.0.1", 0))
    ) as silent:  # takes the connection and never answers
        assert send(f"http://127.0.0.1:{silent.getsockname()[1]}/secret", board, seconds=1.0) < 8.0
    assert send(f"sleep 60 & echo $! > {tmp_path}/child; wait", board, seconds=1.0) < 8.0
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: has_ended(child))  # a signal takes its time on a busy machine
    printed = capsys.readouterr().err
    assert printed.count("The notification was not delivered") == 2
    assert "secret" not in printed


def test_a_failed_run_is_reported_and_a_refusal_is_not(board: Board, tmp_path: Path) -> None:
    notifier = Notifier(f"cat >> {tmp_path}/said", "double", tmp_path, board)
    with pytest.raises(RuntimeError), notifier.telling(lambda: ("done", "")):
        raise RuntimeError("The run broke.") from OSError("no route to the head node")
    notification = json.loads((tmp_path / "said").read_text())
    assert notification["event"] == "broken"
    assert notification["message"].startswith("It failed (OSError: no route to the head node)")
    with pytest.raises(ValueError, match="ask for less"), notifier.telling(lambda: ("done", "")):
        raise ValueError("ask for less")
    assert json.loads((tmp_path / "said").read_text()) == notification


@pytest.mark.parametrize(
    ("given", "event", "words"),
    [
        (
            (None, False, Verdicts()),
            "done",
            "It has ended; 3 of 3 trials are done. The best is trial 2, return 0.7",
        ),
        (
            (signal.SIGUSR1, False, Verdicts()),
            "interrupted",
            "SIGUSR1 interrupted it; 3 of 3 trials are done",
        ),
        ((None, True, Verdicts()), "out_of_time", "The time for this run is over"),
        ((None, False, Verdicts(out_of_disk="OSError")), "disk_full", "The disk is full; 3 of 3"),
        (
            (None, False, Verdicts(store_unavailable="StoreError")),
            "store_unavailable",
            "The run's store is unavailable",
        ),
        (
            (None, False, Verdicts(ray_died="raylet")),
            "ray_died",
            "Ray has died on the driver's machine; 3 of 3 trials are done",
        ),
    ],
)
def test_how_a_run_ended_in_a_sentence(board: Board, given: Any, event: str, words: str) -> None:
    found, message = ending_of(board, *given)
    assert found == event
    assert message.startswith(words)


def test_the_best_violates_no_constraint_if_possible(tmp_path: Path) -> None:
    sweep = make_sweep(
        scheduler=None, constraints={"slow learners": lambda report: report["return"] - 0.7}
    )
    record = open_record(tmp_path, sweep)
    FakeTune(record, sweep, 3, {}).run()
    best = best_of(Board(record, sweep, Budget(3)))
    values = [trial.values[0] for trial in record.trials[:3]]
    record.close()
    assert best is not None
    assert max(values) > 0.7
    assert best["value"] == max(value for value in values if value <= 0.7)


@pytest.mark.parametrize(
    "given", [["--notify", "https://a/secret"], ["--notify=https://a/secret"]], ids=len
)
def test_a_command_line_is_recorded_without_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    monkeypatch.setattr(
        "sys.orig_argv", ["python", "-m", "sweeps.run", "double", *given, "--seeds", "2"]
    )
    run = RunDirectory(tmp_path / "run")
    with open_run(run, make_sweep(), "double"):
        kept = run.definition.read_text()
    assert "secret" not in kept
    assert json.loads(kept)["runs"][0]["command"][-2:] == ["--seeds", "2"]


@pytest.mark.slow
class TestSweeps:
    """In drivers of their own."""

    def test_a_stall_and_the_end_are_reported(self, tmp_path: Path) -> None:
        command = f"cat >> {tmp_path}/said; echo >> {tmp_path}/said"
        assert (
            run(tmp_path / "run", trials=2, report_timeout_s=5.0, hangs=(300, 1), notify=command)[0]
            == 0
        )
        *stalls, done = read_rows(
            tmp_path / "said"
        )  # on a slow machine, the start of a worker is a stall as well
        assert {stall["event"] for stall in stalls} == {"stalled"}
        assert (
            stalls[-1]["message"] == "Trial 0 reported nothing for 5 s; it is killed and restarted."
        )
        assert done["event"] == "done"
        assert done["message"].startswith("It has ended; 2 of 2 trials are done.")
        assert done["run"] == str(tmp_path / "run")

    def test_an_interruption_is_reported(self, tmp_path: Path) -> None:
        with server() as (url, posted):
            with driving(tmp_path, trials=4, seconds=0.2, notify=url) as driver:
                wait_for(lambda: any(trial.intermediate_values for trial in trials_of(tmp_path)))
                driver.send_signal(signal.SIGINT)
                driver.finish()
            (notification,) = posted
        assert notification["event"] == "interrupted"
        assert notification["message"].startswith("SIGINT interrupted it; ")
