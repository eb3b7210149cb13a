import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segue.base.lock import LockedError, locked

HOLDER = """
import sys, time
from pathlib import Path
from segue.base.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock"),
        pytest.raises(LockedError, match="in use by another process"),
        locked(tmp_path / "lock"),
    ):
        pass
    with locked(tmp_path / "lock"):
        pass


def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(OSError, match="not a regular file"), locked(tmp_path / "lock"):
        pass


def test_a_killed_holder_gives_the_lock_back(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError), locked(tmp_path / "lock", wait_seconds=0.1):
            pass
        holder.kill()
        started = time.monotonic()
        with locked(tmp_path / "lock", wait_seconds=20.0):
            assert time.monotonic() - started < 20.0
