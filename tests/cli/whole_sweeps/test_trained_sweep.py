"""A sweep on the command line from its file to its report, in processes of its own."""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sweep_files import BROKEN_WORLD, REAL

pytestmark = [pytest.mark.slow, pytest.mark.ray]
SEGUE = str(Path(sys.executable).with_name("segue"))


def test_a_sweep_file_of_ones_own_is_trained_and_then_complete(tmp_path: Path) -> None:
    (tmp_path / "learns.py").write_text(REAL)
    first = _command(tmp_path, "learns.py")
    assert (first.returncode, first.stderr) == (0, "")
    assert "4 of 4 done" in first.stdout
    assert "learns: 4 trials: 4 complete" in first.stdout
    assert max(len(line) for line in first.stdout.splitlines() if "study.db" not in line) <= 100
    again = _command(tmp_path, "learns.py")
    assert again.stdout.startswith("The sweep is complete")


def test_a_failure_is_printed_with_its_log_and_exits_with_1(tmp_path: Path) -> None:
    broken = REAL.replace('"CartPole-v1"', "broken").replace(
        "def pipeline", BROKEN_WORLD + "\n\ndef pipeline"
    )
    (tmp_path / "breaks.py").write_text(broken)
    said = _command(tmp_path, "breaks.py", "--trials", "1")
    assert (said.returncode, said.stderr) == (1, "")
    line = (
        "trial 0 failed: ValueError: The world 'broken' fails (RuntimeError: the simulator is"
        " out). (log: runs/breaks/trials/0000/log.txt)"
    )
    assert said.stdout.count(line) == 2  # when it happens, and in the summary
    assert "Traceback" in (tmp_path / "runs/breaks/trials/0000/log.txt").read_text()


def test_ctrl_c_on_a_terminal_exits_with_130_and_prints_how_to_continue(tmp_path: Path) -> None:
    (tmp_path / "learns.py").write_text(REAL.replace("1024", "102400"))
    driver, terminal = pty.fork()
    if driver == 0:
        os.chdir(tmp_path)
        os.execve(
            SEGUE,
            [SEGUE, "run", "learns.py"],
            os.environ | {"COLUMNS": "60", "LINES": "20", "TERM": "xterm"},
        )
    said = _read_until(terminal, "running,")
    assert "│" in said  # the table
    os.write(terminal, b"\x03")
    said += _read_until(terminal, None)
    assert os.waitstatus_to_exitcode(os.waitpid(driver, 0)[1]) == 130
    assert "The running trials can be resumed later." in said
    assert "Resume with: " in said
    assert "segue run learns.py" in said
    assert not re.search(r"Traceback|Warning|ray::|\[I ", said)


def _command(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SEGUE, "run", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _read_until(terminal: int, awaited: str | None) -> str:
    """What comes from a terminal until `awaited` does, or until it is closed."""
    said = ""
    deadline = time.monotonic() + 600
    while awaited is None or awaited not in said:
        assert time.monotonic() < deadline, said
        try:
            said += os.read(terminal, 65536).decode(errors="replace")
        except OSError:  # the other side has ended
            assert awaited is None, said
            break
    return said
