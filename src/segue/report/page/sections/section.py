"""A section of a page."""

from dataclasses import dataclass

import plotly.graph_objects as go

from segue.report.page.text_table import TextTable


@dataclass(frozen=True)
class Section:
    """A title, an explanation, and a figure, a table or both; `anchor` is its id in the page."""

    anchor: str
    title: str
    text: str
    figure: go.Figure | None = None
    height: int = 420  # pixels
    min_width: int = 0  # pixels, below which the figure scrolls sideways
    table: TextTable | None = None  # below the figure, with its own text
