"""A table of a page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are text; `anchor` is the id of its section in a page."""

    anchor: str
    title: str
    text: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
