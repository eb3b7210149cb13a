"""The tables of the documentation name what there is, and nothing else; the site is whole."""

import ast
import inspect
import os
import re
import subprocess
import sys
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import segue
from segue.base.counterparts import ABSENT
from segue.plan.pipelines.settings import SETTING_NAMES
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.train.losses import AnyLoss
from segue.tune.options.options import Options

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


def test_every_loss_is_described_with_its_fields_and_their_defaults() -> None:
    section = SETTINGS.split("## Losses")[1].split("\n## ")[0]
    described = {part.split("`")[0]: defaults(part) for part in section.split("\n### `")[1:]}
    public = [getattr(segue, name) for name in dir(segue)]
    losses = [loss for loss in public if isinstance(loss, type) and issubclass(loss, AnyLoss)]
    assert described == {
        loss.__name__: {field.name: repr(field.default) for field in fields(loss)}
        for loss in losses
        if is_dataclass(loss)
    }


@pytest.mark.parametrize("policy", [segue.Mlp, segue.Network])
def test_the_settings_of_policies_are_listed_with_their_defaults(policy: Any) -> None:
    section = SETTINGS.split("## Policies")[1].split("\n## ")[0]
    own, common = (
        section.split(f"\n### {title}")[1].split("\n###")[0]
        for title in (f"`{policy.__name__}`\n", "`Mlp`, `Network` and `Module`")
    )
    described = defaults((own + common).replace("`actor`, `critic`", "`actor`"))
    given = {field.name: field.default for field in fields(policy)}
    given.pop("critic", None)
    assert described.keys() == given.keys()
    for name, default in described.items():
        if given[name] is not MISSING:
            assert ast.literal_eval(default.strip("`")) == given[name], name


def defaults(text: str) -> dict[str, str]:
    """The first and the third column of a table: names and defaults."""
    return dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|", text, flags=re.MULTILINE))


def test_the_page_for_stable_baselines3_maps_each_argument_of_its_ppo() -> None:
    stable_baselines3 = pytest.importorskip("stable_baselines3")
    page = (DOCS / "guides" / "from-stable-baselines3.md").read_text()
    table = page.split("\n\n| around it")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]*) \|", table, flags=re.MULTILINE)
    mapped = {name: default for names, default in rows for name in re.findall(r"\w+", names)}
    parameters = inspect.signature(stable_baselines3.PPO).parameters
    assert mapped.keys() == parameters.keys()
    for name, parameter in parameters.items():
        if isinstance(parameter.default, float):
            assert float(mapped[name]) == parameter.default, name


@pytest.mark.parametrize("library", ["AllenAct", "Stable-Baselines3"])
def test_the_page_for_a_library_has_every_name_that_is_refused(library: str) -> None:
    page = (DOCS / "guides" / f"from-{library.lower()}.md").read_text().lower()
    names = [name for name, absent in ABSENT.items() if absent.library == library]
    assert names and not [name for name in names if name.lower() not in page]


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
