"""The tables of the documentation name what there is, and nothing else."""

import re
from dataclasses import fields
from pathlib import Path

from segue.plan.evaluation import Evaluation
from segue.plan.settings import SETTING_NAMES
from segue.plan.sweep import Sweep

SETTINGS = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()


def named(title: str) -> list[str]:
    """The first column of the tables under a title."""
    section = SETTINGS.split(f"## `{title}`")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)


def test_every_setting_is_in_its_table_once() -> None:
    assert sorted(named("Sweep")) == sorted(field.name for field in fields(Sweep))
    assert sorted(named("Evaluation")) == sorted(field.name for field in fields(Evaluation))
    assert sorted(named("TrainingPipeline` and `PipelineStage")) == sorted(SETTING_NAMES)
