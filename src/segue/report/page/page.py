"""Writes the report: one self-contained HTML file."""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import plotly
from markupsafe import Markup
from plotly.io.json import to_json_plotly

from segue.base.files import write_atomic
from segue.base.suppress_warnings import suppress_warnings
from segue.base.text import printable
from segue.report.data.commands import commands
from segue.report.data.evidence import Evidence
from segue.report.data.heldout import in_words
from segue.report.data.starts import starts
from segue.report.data.summary import Summary
from segue.report.page.headline import build_headline, short
from segue.report.page.health import health
from segue.report.page.importance import FINAL, importances
from segue.report.page.sections import Section, sections

_TEMPLATE = Path(__file__).parent / "template"
_MARGIN = {"l": 60, "r": 20, "t": 40, "b": 50}


def write_report(summary: Summary, path: Path) -> None:
    """Write the page to `path` atomically. Raise OSError if it cannot be written."""
    with suppress_warnings("optuna"):
        write_atomic(path, page(summary))


def page(summary: Summary) -> str:
    """Return the report as HTML.

    Nothing in the run is trusted: every text is escaped, and unreadable lines are counted.
    """
    evidence = Evidence.of(summary)
    found = importances(summary)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATE),
        autoescape=True,
        trim_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(short=short, words=in_words)
    return environment.get_template("report.html").render(
        head=build_headline(evidence),
        held_out=evidence.held_out,
        findings=health(evidence, found[FINAL].shares if FINAL in found else {}),
        sections=[(section, Markup(_data(section))) for section in sections(evidence, found)],
        commands=commands(summary),
        starts=starts(summary),
        fingerprint=summary.definition.fingerprint,
        style=Markup((_TEMPLATE / "style.css").read_text()),
        script=Markup((_TEMPLATE / "draw.js").read_text()),
        plotly=Markup(plotly.offline.get_plotlyjs()),
    )


def _data(section: Section) -> str:
    """Return the figure as JSON without `<`, so that a script element can hold it."""
    assert section.figure is not None
    figure = section.figure
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
