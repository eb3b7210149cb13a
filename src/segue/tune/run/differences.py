"""Where two definitions of a sweep differ, and whether a run may go on from one to the other."""

from collections.abc import Mapping
from typing import Any

from segue.plan.values.describe import canonical_json

Definition = Mapping[str, Any]
_SHOWN_LENGTH = 60


def differences(before: Definition, now: Definition) -> list[str]:
    """Each entry that differs, for people."""
    return [_told(before, now, key) for key in _differing(before, now)]


def unacceptable_difference(before: Definition, now: Definition) -> str | None:
    """The first entry that differs, and may not: the trials so far would mean something else."""
    keys = (
        key
        for key in _differing(before, now)
        if not _is_acceptable(key, before.get(key), now.get(key))
    )
    return next((_told(before, now, key) for key in keys), None)


def _differing(before: Definition, now: Definition) -> list[str]:
    return [
        key for key in sorted(before.keys() | now.keys()) if _text(before, key) != _text(now, key)
    ]


def _is_acceptable(key: str, before: object, now: object) -> bool:
    """Whether an entry of a definition may change; ranges of numbers may, choices may not: a study
    fixes them.
    """
    if not key.startswith("space."):
        return key not in ("metric", "mode", "objectives")
    return all(
        isinstance(entry, dict) and not entry.keys() & {"choice", "grid_search"}
        for entry in (before, now)
    )


def _told(before: Definition, now: Definition, key: str) -> str:
    return f"{key}: {_shown(before, key)} -> {_shown(now, key)}"


def _shown(definition: Definition, key: str) -> str:
    text = _text(definition, key)
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "..."


def _text(definition: Definition, key: str) -> str:
    return canonical_json(definition[key]) if key in definition else "nothing"
