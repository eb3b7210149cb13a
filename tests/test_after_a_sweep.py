"""Every command that looks at a run, on small copies of two sweeps: while it runs, after a crash, at its end."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from segue.cli import segue
from segue.report.facts import TrialFacts, facts
from segue.report.summary import read_summary
from tests.small_sweeps import SMALLER, small_copies
from tests.tune.drivers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the small copies, in which commands are given."""
    small_copies(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def driver(name: str) -> Iterator["subprocess.Popen[str]"]:
    """`segue run NAME` in a process of its own, which is killed at the end."""
    with TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        process = subprocess.Popen(
            [sys.executable, "-c", "from segue.cli import segue; segue()", "run", name],
            env=os.environ | {"TMPDIR": temporary},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints; it must succeed."""
    with pytest.raises(SystemExit) as left:
        segue(list(arguments))
    captured = capsys.readouterr()
    assert left.value.code == 0, captured.out + captured.err
    return captured.out


def trials(run: str) -> list[TrialFacts]:
    return facts(read_summary(Path(run)))


def complete(run: str) -> list[TrialFacts]:
    if not Path(run, "trials").exists():  # the driver is making the study, in which nobody must meddle
        return []
    return [trial for trial in trials(run) if trial.state == "complete"]


def look(capsys: pytest.CaptureFixture[str], run: str) -> None:
    """Every command, on a run of which at least one trial is complete."""
    best, metric = complete(run)[0], read_summary(Path(run)).metric
    shown = told(capsys, "show", run)
    assert re.search(rf"^ +{best.number} +complete +{best.metric:.4g} ", shown, re.MULTILINE), shown
    assert "stage 1" in told(capsys, "show", run, "--trial", str(best.number))
    told(capsys, "report", run)
    assert f"Trial {best.number}: {metric}" in Path(run, "report.html").read_text()
    again = told(capsys, "rerun", run, "--trial", str(best.number))
    assert "The same: all" in again, again
    assert f"Trial {best.number} after {best.env_steps:,} steps" in told(capsys, "play", run, "--episodes", "2")


def retrain(capsys: pytest.CaptureFixture[str], run: str) -> None:
    """The two best on two new seeds; then every other command speaks of that."""
    metric = read_summary(Path(run)).metric
    said = told(capsys, "retrain", run, "--top", "2", "--seeds", "2")
    known = json.loads(Path(run, "retrained.json").read_text())["configurations"]
    assert [each["trial"] for each in known] == [trial.number for trial in complete(run)[:2]]
    assert all(len(each["per_seed"]) == 2 for each in known)
    best = json.loads(Path(run, "best.json").read_text())
    assert f"trial {best['trial']} is best" in said and best["held_out"]["per_seed"]
    assert "that the search never saw" in Path(run, "report.html").read_text()
    namespace: dict[str, object] = {"__name__": "best"}
    exec(Path(run, "best.py").read_text(), namespace)
    assert namespace["pipeline"]().to_dict() == best["pipeline"]  # type: ignore[operator]
    assert metric in said
    gif = Path(run, "best.gif")
    played = told(capsys, "play", run, "--episodes", "2", "--record", str(gif), "--recorded-episodes", "1")
    assert f"Trial {best['trial']} after" in played and gif.read_bytes().startswith(b"GIF89a")


def retrain_one(capsys: pytest.CaptureFixture[str], run: str) -> None:
    """The best so far on two new seeds; what came of it is put away, so that the search's best is spoken of again."""
    best = complete(run)[0].number
    assert f"trial {best} is best" in told(capsys, "retrain", run, "--top", "1", "--seeds", "2")
    assert f"Trial {best}: " in Path(run, "report.html").read_text()
    shutil.rmtree(Path(run, "retrained"))
    Path(run, "retrained.json").unlink()


@pytest.mark.parametrize("name", SMALLER)
def test_a_run_is_looked_at_while_it_runs_after_a_crash_and_at_its_end(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = f"runs/{name}"
    with driver(name) as process:
        wait_for(lambda: bool(complete(run)) or process.poll() is not None)
        process.send_signal(signal.SIGSTOP)  # it runs on, as far as others can see, and nothing moves
        assert len(complete(run)) < len(trials(run))
        assert "The sweep is running." in told(capsys, "show", run)
        look(capsys, run)
        assert "The sweep is running." in Path(run, "report.html").read_text()
        retrain_one(capsys, run)
    assert "The sweep is running." not in told(capsys, "show", run)
    look(capsys, run)
    retrain_one(capsys, run)
    finished = told(capsys, "run", name)
    assert all(f"{run}/{file}" in finished for file in ("best.json", "best.py", "report.html"))
    assert {trial.state for trial in trials(run)} <= {"complete", "pruned"}
    look(capsys, run)
    retrain(capsys, run)
