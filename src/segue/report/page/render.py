"""Renders a page: one self-contained HTML file with its style, its figures and their library."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import plotly
from markupsafe import Markup
from plotly.io.json import to_json_plotly

from segue.base.text import printable
from segue.report.data.heldout import in_words
from segue.report.page.headline import short
from segue.report.page.sections import Section

_TEMPLATE = Path(__file__).parent / "template"
_MARGIN = {"l": 60, "r": 20, "t": 40, "b": 50}


def render(template: str, sections: Iterable[Section], **content: Any) -> str:
    """Return a page as HTML, in which every text of `content` is escaped.

    Args:
        template: The file name of the page's template.
        sections: The sections with figures.
        content: What the template shows besides, by name.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATE),
        autoescape=True,
        trim_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(short=short, words=in_words)
    return environment.get_template(template).render(
        sections=[(section, Markup(_data(section))) for section in sections],
        style=Markup((_TEMPLATE / "style.css").read_text()),
        script=Markup((_TEMPLATE / "draw.js").read_text()),
        plotly=Markup(plotly.offline.get_plotlyjs()),
        **content,
    )


def _data(section: Section) -> str:
    """Return the figure as JSON without `<`, so that a script element can hold it."""
    figure = section.figure
    if figure is None:
        return ""
    figure.update_layout(
        title=None, template="none", width=None, height=section.height, margin=_MARGIN
    )
    figure.update_layout(font={"family": "inherit"})
    for axis in [*figure.select_xaxes(), *figure.select_yaxes()]:
        if axis.exponentformat is None:
            axis.exponentformat = "none"  # 0.0001 rather than 100μ
    if figure.layout.legend.y is None:
        figure.update_layout(legend={"orientation": "h", "y": -0.2})
    described: Any = figure.to_dict()
    shown = _shown({"data": described["data"], "layout": described["layout"]})
    return str(to_json_plotly(shown))


def _shown(value: Any) -> Any:
    """Return a value for the page with the control characters of its texts escaped."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return printable(value, lines=True)
    if isinstance(value, dict):
        return {_shown(name): _shown(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _shown(value.tolist()) if value.dtype.kind in "OU" else value
    if isinstance(value, list | tuple):
        return [_shown(entry) for entry in value]
    return value
