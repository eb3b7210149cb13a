"""A table of a page."""

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"[-+]?[\d.]")


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are text; `anchor` is the id of its section in a page."""

    anchor: str
    title: str
    text: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    @property
    def words(self) -> list[bool]:
        """Whether each column has a cell that does not begin with a number."""
        return [
            any(cell and not _NUMBER.match(cell) for cell in cells)
            for cells in zip(*self.rows, strict=True)
        ]
