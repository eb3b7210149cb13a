"""Writes the report: one self-contained HTML file."""

from pathlib import Path

from segue.base.files import write_atomic
from segue.base.suppress_warnings import suppress_warnings
from segue.report.data.commands import commands
from segue.report.data.evidence import Evidence
from segue.report.data.starts import starts
from segue.report.data.summary import Summary
from segue.report.page.figures.importance import FINAL, importances
from segue.report.page.findings.health import health
from segue.report.page.headline import build_headline
from segue.report.page.render import render
from segue.report.page.sections.sections import sections
from segue.report.page.trials import trials_data


def write_report(summary: Summary, path: Path, refresh: float | None = None) -> None:
    """Write the page to `path` atomically. Raise OSError if it cannot be written.

    With `refresh`, the page loads itself again after so many seconds.
    """
    with suppress_warnings("optuna"):
        write_atomic(path, page(summary, refresh))


def page(summary: Summary, refresh: float | None = None) -> str:
    """Return the report as HTML.

    Nothing in the run is trusted: every text is escaped, and unreadable lines are counted.
    """
    evidence = Evidence.of(summary)
    found = importances(summary)
    return render(
        "report.html",
        sections(evidence, found),
        scripts=["trials.js"],
        trials=trials_data(evidence),
        head=build_headline(evidence),
        held_out=evidence.held_out,
        findings=health(evidence, found[FINAL].shares if FINAL in found else {}),
        commands=commands(summary),
        starts=starts(summary),
        fingerprint=summary.definition.fingerprint,
        refresh=refresh,
    )
