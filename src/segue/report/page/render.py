"""Renders a page: one self-contained HTML file with its style, its figures and their library."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import plotly
from markupsafe import Markup, escape
from plotly.io.json import to_json_plotly

from segue.base.text import printable
from segue.report.data.heldout import in_words
from segue.report.page.headline import short
from segue.report.page.sections.section import Section

_TEMPLATE = Path(__file__).parent / "template"
_MARGIN = {"l": 60, "r": 20, "t": 40, "b": 50}


def render(
    template: str, sections: Iterable[Section], scripts: Sequence[str] = (), **content: Any
) -> str:
    """Return a page as HTML, in which every text of `content` is escaped.

    Args:
        template: The file name of the page's template.
        sections: The sections with figures.
        scripts: The file names of the page's scripts besides the one that draws the figures.
        content: What the template shows besides, by name.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATE),
        autoescape=True,
        trim_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(short=short, words=in_words, code=_with_code)
    return environment.get_template(template).render(
        sections=[(section, Markup(_data(section))) for section in sections],
        style=Markup((_TEMPLATE / "style.css").read_text()),
        scripts=[Markup((_TEMPLATE / name).read_text()) for name in ("draw.js", *scripts)],
        plotly=Markup(plotly.offline.get_plotlyjs()),
        **content,
    )


def _with_code(text: str) -> Markup:
    """Return a text as HTML in which what stands between backticks is code."""
    escaped = str(escape(printable(text, lines=True)))
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", escaped))


def _data(section: Section) -> str:
    """Return the figure as `script_json` does; "" without one."""
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
    return script_json({"data": described["data"], "layout": described["layout"]})


def script_json(value: Any) -> str:
    """Return a value as JSON without `<`, so that a script element can hold it.

    The control characters of its texts are escaped.
    """
    return str(to_json_plotly(_shown(value)))


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
