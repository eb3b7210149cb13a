"""When a run was started, in words."""

from pathlib import Path
from typing import Any

import pytest

from segue.record.files.definition import RunDefinition
from segue.report.data.starts import starts
from segue.report.data.summary import Summary

AT = "2026-11-28T12:39:45.120+00:00"


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (
            {"started": AT, "commit": "d" * 40, "versions": {"ray": "2.60.0", "numpy": "2.4.6"}},
            "Started 2026-11-28 12:39 UTC at commit dddddddddddd with ray 2.60.0, numpy 2.4.6.",
        ),
        ({"started": AT, "commit": None}, "Started 2026-11-28 12:39 UTC."),
        ({"started": "damaged"}, "Started at an unknown time."),
    ],
)
def test_a_start_says_what_is_known(run: dict[str, Any], text: str, tmp_path: Path) -> None:
    definition = RunDefinition(name="x", fingerprint="", sweep={}, runs=(run,))
    (start,) = starts(Summary(tmp_path, definition, ()))
    assert (start.text, start.difference) == (text, "")
