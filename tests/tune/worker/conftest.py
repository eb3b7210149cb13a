"""Reports of trials without Tune."""

from typing import Any

import pytest


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The rows that are reported to Tune."""
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr("ray.tune.report", rows.append)
    return rows
