"""The rows that a trial has reported; what is not a row is skipped and counted."""

from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from segue.base.checks import is_number
from segue.base.files import Rows, count_rows
from segue.record.row import ENV_STEPS, Row
from segue.record.validation import Checked, Steps, validated


class _ReportRow(Checked):
    """The entries of a row that readers use, each of which an earlier row may lack."""

    env_steps: Steps
    total_env_steps: Steps = 0
    stage: Steps = 0
    stages: Annotated[int, Field(ge=1, lt=2**31)] = 1
    stage_steps: Steps = 0
    stage_done: bool = False
    final: bool = False
    forked_from: Steps | None = None
    metric_per_seed: list[float] = Field([])
    evaluation: dict[str, float] = Field({})
    diagnostics: dict[str, float] = Field({})


class Results(NamedTuple):
    """The rows that a trial reported, and how many of its records are damaged and were skipped."""

    rows: list[Row]
    damaged: int


def read_results(path: Path, metric: str) -> Results:
    """Return the rows of a trial's `results.jsonl`; none where the file does not exist.

    A file that cannot be read, such as a folder in its place, counts as one damaged record.
    """
    try:
        found = count_rows(path)
    except OSError:
        return Results([], 1)
    return _reports(found, metric)


def _reports(found: Rows, metric: str) -> Results:
    rows = [row for row in found.rows if _is_report(row, metric)]
    return Results(rows, found.damaged + len(found.rows) - len(rows))


def _is_report(row: Row, metric: str) -> bool:
    try:
        validated(row, _ReportRow)
    except ValueError:
        return False
    return ENV_STEPS in row and is_number(row.get(metric))
