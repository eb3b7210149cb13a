"""The tables of the documentation name what there is, and nothing else; the site is whole."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from segue.plan.pipelines.settings import SETTING_NAMES
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.tune.options import Options

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SETTINGS = (DOCS / "settings.md").read_text()


def named(title: str) -> list[str]:
    """The first column of the tables under a title."""
    section = SETTINGS.split(f"## `{title}`")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)


def test_every_setting_is_in_its_table_once() -> None:
    assert sorted(named("Sweep")) == sorted(field.name for field in fields(Sweep))
    assert sorted(named("Options")) == sorted(field.name for field in fields(Options))
    assert sorted(named("Evaluation")) == sorted(field.name for field in fields(Evaluation))
    assert sorted(named("TrainingPipeline` and `PipelineStage")) == sorted(SETTING_NAMES)


@pytest.mark.slow
def test_the_site_is_built_without_warnings_and_shows_every_page(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert built.returncode == 0 and "WARNING" not in built.stdout, built.stdout
    navigation = re.search(
        r'<nav class="md-nav md-nav--primary.*?</nav>\s*</div>',
        html(tmp_path / "index.html"),
        re.DOTALL,
    )
    assert navigation
    pages = {str(page.relative_to(DOCS).with_suffix(".html")) for page in DOCS.rglob("*.md")}
    assert set(re.findall(r'href="([^"#]+\.html)"', navigation[0])) == pages
    fetched = re.compile(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*"')
    assert not {
        page.name: found
        for page in tmp_path.rglob("*.html")
        if (found := fetched.findall(html(page)))
    }


def html(page: Path) -> str:
    return page.read_text()
