"""Compare definitions of a sweep, and decide whether a run may continue with the new one."""

from collections.abc import Mapping, Sequence
from typing import Any

from segue.plan.values.describe import canonical_json

Definition = Mapping[str, Any]
_OF_MODULES = "code."
_SHOWN_LENGTH = 60


def differences(before: Definition, now: Definition) -> list[str]:
    """Describe each entry that differs."""
    return [_describe(before, now, key) for key in _differing(before, now)]


def compared_entries(definitions: Sequence[Definition]) -> dict[str, list[str]]:
    """Return the entries that differ between definitions, with the text of each definition's.

    Entries that differ in their code only are numbered by the code: "code 1", "code 2".
    """
    keys = sorted({key for definition in definitions for key in definition})
    texts = {key: [_text(each, key) for each in definitions] for key in keys}
    return {
        key: _texts_or_codes(definitions, key, found)
        for key, found in texts.items()
        if len(set(found)) > 1
    }


def unacceptable_difference(before: Definition, now: Definition) -> str | None:
    """Describe the first difference that would change the meaning of the trials so far, if any."""
    keys = (
        key
        for key in _differing(before, now)
        if not _is_acceptable(key, before.get(key), now.get(key))
    )
    return next((_describe(before, now, key) for key in keys), None)


def _differing(before: Definition, now: Definition) -> list[str]:
    return [
        key for key in sorted(before.keys() | now.keys()) if _text(before, key) != _text(now, key)
    ]


def _is_acceptable(key: str, before: object, now: object) -> bool:
    """Return whether an entry of a definition may change.

    Ranges of numbers may change; choices may not, since a study fixes them.
    """
    if not key.startswith("space."):
        return key not in ("metric", "mode", "objectives")
    return all(
        isinstance(entry, dict) and not entry.keys() & {"choice", "grid_search"}
        for entry in (before, now)
    )


def _describe(before: Definition, now: Definition, key: str) -> str:
    if _differs_in_code(before, now, key):  # whose digests mean nothing to a reader
        return f"{key}: other code"
    return f"{key}: {_shown(before, key)} -> {_shown(now, key)}"


def _differs_in_code(before: Definition, now: Definition, key: str) -> bool:
    """Return whether an entry is of code, and otherwise the same."""
    if key not in before or key not in now:
        return False
    is_module = key.startswith(_OF_MODULES)
    return is_module or _without_code(before[key]) == _without_code(now[key])


def _texts_or_codes(definitions: Sequence[Definition], key: str, texts: Sequence[str]) -> list[str]:
    first = next(each for each in definitions if key in each)
    others = [each for each in definitions if _text(each, key) != _text(first, key)]
    if all(_differs_in_code(first, each, key) for each in others):
        distinct = list(dict.fromkeys(texts))
        return [f"code {distinct.index(text) + 1}" for text in texts]
    return [_shown(each, key) for each in definitions]


def _without_code(description: object) -> object:
    if isinstance(description, Mapping):
        entries = description.items()
        return {name: _without_code(value) for name, value in entries if name != "code"}
    if isinstance(description, list):
        return [_without_code(value) for value in description]
    return description


def _shown(definition: Definition, key: str) -> str:
    text = _text(definition, key)
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "..."


def _text(definition: Definition, key: str) -> str:
    return canonical_json(definition[key]) if key in definition else "nothing"
