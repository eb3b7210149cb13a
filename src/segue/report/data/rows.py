"""Rows of a run directory that may be damaged: what is not a row is skipped and counted."""

import json
from pathlib import Path

from segue.record.row import Row


def tolerant_rows(path: Path) -> tuple[list[Row], int]:
    """Return the rows of a file of JSON lines, and the number of lines that are not rows.

    There are no rows if the file does not exist.
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
