"""What a logging service has received of a sweep's trials, recorded in the run directory."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segue.base.files import JsonObject, count_rows, cut_torn_row
from segue.base.strict_json import to_json
from segue.record.row import ENV_STEPS
from segue.record.validation import Checked, Steps, validated

_ADVICE = "restore it, or leave the service out of --log-to"


class Ledger:
    """Records each time that a service's run of a trial was closed, in `logged/SERVICE.jsonl`.

    `identity` distinguishes this run of the sweep from all others, wherever its directory is moved.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.steps: dict[int, int] = {}
        self.ended: set[int] = set()
        rows = _checked_rows(path)
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
            self.steps[row["trial"]] = row.get(ENV_STEPS, 0)

    def _append(self, row: Mapping[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(to_json(row) + "\n")


class _Identity(Checked):
    identity: str


class _Closed(Checked):
    trial: Steps
    env_steps: Steps = 0


def _checked_rows(path: Path) -> list[JsonObject]:
    """Return the rows of a ledger, without half a row at its end; raise ValueError for a damaged
    one, which says no longer what the service has received.
    """
    try:
        cut_torn_row(path)
        rows, damaged = count_rows(path)
        for index, row in enumerate(rows):
            validated(row, _Closed if index else _Identity)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}): {_ADVICE}.") from error
    if damaged:
        raise ValueError(f"{path} is damaged: {_ADVICE}.")
    return rows
