"""The directory of a Ray that Segue starts, and those that killed drivers left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segue.base.lock import locked
from segue.tune.cluster.ray_directory import ray_directory, remove_abandoned

KILLED = """
import os, signal
from segue.tune.cluster.ray_directory import ray_directory
with ray_directory() as directory:
    directory.mkdir()
    (directory / "runtime_env_agent.log").write_text("a secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("segue.tune.cluster.ray_directory._SOCKETS_FIT", 200)
    return tmp_path


def left_behind(parent: Path) -> Path:
    """Return the directory of a driver that was killed."""
    environment = os.environ | {"TMPDIR": str(parent)}
    script = KILLED.replace(
        "with", "import segue.tune.cluster.ray_directory as d; d._SOCKETS_FIT = 200\nwith", 1
    )
    ran = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert ran.returncode == -9
    (found,) = parent.glob("segue-*")
    assert (found / "r" / "runtime_env_agent.log").read_text() == "a secret"
    return found


def test_what_a_killed_driver_left_is_removed_when_the_next_one_starts(parent: Path) -> None:
    old = left_behind(parent)
    with ray_directory() as directory:
        assert not old.exists()
        assert directory.parent.parent == parent
        remove_abandoned(parent)
        assert directory.parent.exists(), "its owner is alive"
    assert not list(parent.iterdir())


def test_other_directories_stay(parent: Path) -> None:
    used = left_behind(parent)
    foreign = parent / "segue-without-owner"
    foreign.mkdir(mode=0o700)
    shared = parent / "segue-shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "owner").touch()
    target = parent / "target"
    target.mkdir(mode=0o700)
    (target / "owner").touch()
    link = parent / "segue-link"
    link.symlink_to(target)
    with locked(used / "owner"):
        remove_abandoned(parent)
    assert all(path.exists() for path in (used, foreign, shared, link, target / "owner"))
    remove_abandoned(parent)
    assert not used.exists() and target.exists() and shared.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_directories_of_other_users_stay(parent: Path) -> None:
    old = left_behind(parent)
    os.chown(old, 12345, 12345)
    remove_abandoned(parent)
    assert old.exists()


def test_the_directory_is_short_whatever_the_usual_place_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: f"/tmp/{'long' * 20}")
    with ray_directory() as directory:
        assert len(str(directory)) < 30
        assert directory.parent.is_dir()
    assert not directory.parent.exists()
