"""What a logging service has received of a sweep's trials, recorded in the run directory."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segue.base.files import cut_torn_row, read_rows
from segue.base.strict_json import to_json
from segue.record.row import ENV_STEPS


class Ledger:
    """Records each time that a service's run of a trial was closed, in `logged/SERVICE.jsonl`.

    `identity` distinguishes this run of the sweep from all others, wherever its directory is moved.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.steps: dict[int, int] = {}
        self.ended: set[int] = set()
        cut_torn_row(path)
        rows = read_rows(path)
        self.identity = rows[0]["identity"] if rows else secrets.token_hex(4)
        if not rows:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append({"identity": self.identity})
        for row in rows[1:]:
            self._apply(row)

    def record_step(self, number: int, step: int) -> None:
        """Record that the run of a trial that will resume was closed after the report at `step`."""
        self._record({"trial": number, ENV_STEPS: step})

    def record_end(self, number: int) -> None:
        """Record that the run of a trial was closed for good."""
        self._record({"trial": number, "ended": True})

    def _record(self, row: dict[str, Any]) -> None:
        self._append(row)
        self._apply(row)

    def _apply(self, row: Mapping[str, Any]) -> None:
        if "ended" in row:
            self.ended.add(row["trial"])
        else:
            self.steps[row["trial"]] = row[ENV_STEPS]

    def _append(self, row: Mapping[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(to_json(row) + "\n")
