import subprocess
from pathlib import Path

import pytest

from segue.tune.code.provenance import provenance, uncommitted_changes


def test_the_commit_and_what_differs_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _git("init", "--quiet")
    (tmp_path / "sweep.py").write_text("lr = 1\n")
    _git("add", ".")
    _git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "first")
    assert len(provenance()["commit"]) == 40
    assert uncommitted_changes() == ""
    (tmp_path / "sweep.py").write_text("lr = 2\n")
    assert "+lr = 2" in uncommitted_changes()


def test_outside_of_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = provenance()
    assert found["commit"] is None
    assert found["versions"]["optuna"]
    assert uncommitted_changes() == ""


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert provenance()["commit"] is None


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)
