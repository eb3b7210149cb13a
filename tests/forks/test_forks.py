"""A forked process is as one that is started: its arguments, environment, folder, streams, end."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.forks import Forked, forked_python
from tests.forks.client import SOCKET

pytestmark = pytest.mark.slow
SHOWN = "import json, os, sys; print(json.dumps([sys.argv, dict(os.environ), os.getcwd()]))"
COUNTS = "import time\nfor number in range(3):\n    print(number, flush=True)\n    time.sleep(0.1)"
SLEEPS = "import time; print('sleeps'); time.sleep(600)"


def test_it_has_what_it_is_given_and_nothing_of_the_process_that_forks(tmp_path: Path) -> None:
    command = [*forked_python(), "-c", f"{SHOWN}; print(1, file=sys.stderr); sys.exit(3)", "a", "b"]
    given = {"ONLY": "this"}
    ran = subprocess.run(
        command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False
    )
    arguments, environment, folder = json.loads(ran.stdout)
    assert (arguments, folder) == (["-c", "a", "b"], str(tmp_path))
    assert {name: environment[name] for name in given} == given
    added = {SOCKET, "LC_CTYPE", "RAY_CLIENT_MODE"}  # by this, Python and Ray
    assert environment.keys() <= given.keys() | added
    assert (ran.returncode, ran.stderr) == (3, "1\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with Forked("-c", SLEEPS, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sleeps\n"
        process.send_signal(number)
        assert process.stdout.read() == ""  # the other side has ended, too
    assert process.returncode == -number


def test_it_can_be_stopped_and_continued() -> None:
    with Forked("-c", COUNTS, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGCONT)
        assert process.stdout.read() == "1\n2\n"
    assert process.returncode == 0
