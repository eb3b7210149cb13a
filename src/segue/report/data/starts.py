"""The starts of a run: when, with which versions, and what had changed in the sweep's file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from segue.base.text import changed_lines
from segue.record.layout import RunLayout
from segue.report.data.definitions import changes
from segue.report.data.summary import Summary

_COMMIT = 12  # digits of a commit's hash
_LINES = 60  # of the changes of a sweep's file


@dataclass(frozen=True)
class Start:
    """A sentence on the start of a run, and the changed lines of the sweep's file, if any."""

    text: str
    difference: str


def starts(summary: Summary) -> list[Start]:
    """Return the starts of a run in their order."""
    changed = {change.start: number for number, change in enumerate(changes(summary.definition), 2)}
    found = []
    for index, run in enumerate(summary.definition.runs):
        text = _sentence(run, index)
        difference = ""
        if index in changed:
            text = f"{text} The sweep has definition {changed[index]} since."
            difference = _difference(summary.layout, index, len(summary.definition.runs))
        found.append(Start(text, difference))
    return found


def _sentence(run: Mapping[str, Any], index: int) -> str:
    words = "Started" if index == 0 else "Resumed"
    versions = run.get("versions") or {}
    commit = f" at commit {str(run['commit'])[:_COMMIT]}" if run.get("commit") else ""
    used = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{words} {_time(run.get('started'))}{commit}{f' with {used}' if used else ''}."


def _time(started: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(started)):%Y-%m-%d %H:%M %Z}".strip()
    except ValueError:
        return "at an unknown time"


def _difference(run: RunLayout, start: int, starts: int) -> str:
    """Return the changed lines of the sweep's file since the start before `start`."""
    later = (run.source_before(index) for index in range(start + 1, starts))
    now = next((path for path in later if path.is_file()), run.source)
    before = _text(run.source_before(start))
    if before is None or (after := _text(now)) is None:
        return ""
    return "\n".join(changed_lines(before, after, context=1, most=_LINES))


def _text(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None
