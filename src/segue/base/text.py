"""Text for people: counts, errors, and text without control characters."""

import difflib
import re
from collections.abc import Mapping, Sequence

# C0 and C1 controls, DEL, line and paragraph separators, marks that reorder text, zero-width
# characters that hide it, and halves of surrogate pairs, which cannot be encoded. Joiners stay:
# scripts and emoji need them.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LINE_BREAKS = "\n\t"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, which takes an "s" unless the count is one.

    >>> plural(1, "trial"), plural(2, "trial"), plural(1_000, "step")
    ('1 trial', '2 trials', '1,000 steps')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def value_text(value: object) -> str:
    """Return the value of a parameter for a table: numbers with four digits.

    >>> value_text(0.00032831), value_text(1.0), value_text(64), value_text("adam")
    ('0.0003283', '1', '64', 'adam')
    """
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def assignments(values: Mapping[str, object]) -> str:
    """Return values with their names, on one line.

    >>> assignments({"lr": 0.0003, "optimizer": "adam"})
    'lr=0.0003, optimizer=adam'
    """
    return ", ".join(f"{printable(name)}={value_text(value)}" for name, value in values.items())


def listed(words: Sequence[str]) -> str:
    """Return words as a list with "and" before the last one.

    >>> listed(["1"]), listed(["1", "2"]), listed(["1", "2", "3"])
    ('1', '1 and 2', '1, 2 and 3')
    """
    *rest, last = words
    return f"{', '.join(rest)} and {last}" if rest else last


def changed_lines(before: str, now: str, *, context: int, most: int) -> list[str]:
    r"""Return the lines that differ, marked by "-" and "+", at most `most` and then their number.

    Lines around them, `context` on each side, have no mark; "@@" stands between separate places.

    >>> changed_lines("a\nb\nc", "a\nd\nc", context=0, most=9)
    ['@@ -2 +2 @@', '-b', '+d']
    """
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), n=context, lineterm="")
    changed = list(lines)[2:]  # without the names of the files
    left_out = len(changed) - most
    return [*changed[:most], f"... and {left_out} more lines"] if left_out > 0 else changed


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return a text with its control characters escaped, for a terminal, a table or a page.

    Text of a study, a file or an exception may contain sequences that move a terminal's cursor, set
    its title, or show other text than there is. With `lines`, line breaks and tabs stay.

    >>> printable("\x1b[2Jred\u202e\n"), printable("a\nb", lines=True)
    ('\\x1b[2Jred\\u202e\\n', 'a\nb')
    """
    return _CONTROL.sub(lambda match: _escaped(match[0], lines), text)


def _escaped(character: str, lines: bool) -> str:
    if lines and character in _LINE_BREAKS:
        return character
    return character.encode("unicode_escape").decode()


def error_text(error: BaseException) -> str:
    """Return an error's class and message on one line, without a stop at the end.

    >>> error_text(ValueError("too\\n  many.")), error_text(KeyError())
    ('ValueError: too many', 'KeyError')
    """
    message = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
