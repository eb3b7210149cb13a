"""The Ray of the tests, and a folder in which commands are given."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import write
from tests.tune.support.shared_ray import cluster

__all__ = ["cluster"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the sweep `stages` in its folder; Ray must not start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ray.init", must_not_be_called)
    (tmp_path / "sweeps").mkdir()
    write(tmp_path, "stages")
    return tmp_path


def must_not_be_called(*arguments: Any, **keywords: Any) -> None:
    raise AssertionError("Ray must not start")
