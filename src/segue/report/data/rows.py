"""Rows of a run directory, read without trust: what is no row is skipped and counted."""

import json
from pathlib import Path

from segue.record.row import Row


def tolerant_rows(path: Path) -> tuple[list[Row], int]:
    """The rows of a file of JSON lines, none where it does not exist, and how many lines are no
    rows.
    """
    if not path.is_file():
        return [], 0
    rows = []
    broken = 0
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            broken += 1
    return rows, broken
