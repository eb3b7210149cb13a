"""A sweep that was changed with `--accept-changes`: which trials are of which definition."""

import html
import json
from datetime import datetime
from pathlib import Path

import pytest

from segue.record.files.definition import RunDefinition
from segue.report.data.definitions import changes, definitions_of
from segue.report.data.facts import facts
from segue.report.data.summary import read_summary
from segue.report.page.page import page
from tests.report.conftest import make
from tests.report.test_tables import output_of


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four trials, a fifth that was interrupted, and after a change of the lanes four more."""
    path = tmp_path_factory.mktemp("changed") / "run"
    make(path, 4)
    return make(path, 8, lanes=16)


def test_findings_name_the_definitions(changed: Path) -> None:
    text = html.unescape(page(read_summary(changed)))
    finding = text.split("Trials were trained by different definitions.")[1].split("</li>")[0]
    assert "Definition 1: trials 0 to 3." in finding
    assert "trials 5 to 8. Changed: lanes: 8 -> 16." in finding
    assert "Started under one and continued under another: trial 4." in finding


def test_the_table_names_the_definition(changed: Path) -> None:
    text = page(read_summary(changed))
    data = text.split('class="trials">')[1].split("</script>")[0]
    assert "definition" in json.loads(data)["columns"]
    assert "The sweep has definition 2 since." in text


def test_the_changed_lines_of_the_file_are_shown(changed: Path) -> None:
    (changed / "sweep-before-1.py").write_text("LANES = 8\n")
    (changed / "sweep.py").write_text("LANES = 16\n")
    text = page(read_summary(changed))
    shown = text.split('<pre class="difference">')[1].split("</pre>")[0]
    assert shown.splitlines()[1:] == ["-LANES = 8", "+LANES = 16"]


def test_show_names_the_definition(changed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = output_of(capsys, str(changed))
    title = next(line for line in text.splitlines() if line.split()[:2] == ["trial", "state"])
    assert "definition" in title.split()
    assert ": lanes: 8 -> 16" in text
    assert "definition   1 of 2" in output_of(capsys, str(changed), "--trial", "0")
    found = json.loads(output_of(capsys, str(changed), "--json"))
    by_number = {trial["number"]: trial["definitions"] for trial in found["trials"]}
    assert (by_number[0], by_number[4], by_number[5]) == ([1], [1, 2], [2])


def test_a_run_without_changes_says_nothing_of_definitions(run: Path) -> None:
    assert {trial.definitions for trial in facts(read_summary(run)) if trial.started} == {(1,)}
    assert "definition</th>" not in page(read_summary(run))


def test_times_of_changes_decide() -> None:
    runs = (
        {"started": "2026-01-01T10:00:00+02:00"},
        {"started": "2026-01-01T12:00:00+02:00", "changes": ["space.lr: 1 -> 2"]},
        {"started": "2026-01-01T13:00:00+02:00"},
        {"started": "damaged", "changes": ["seeds: 1 -> 2"]},
        {"started": "2026-01-01T14:00:00+02:00", "changes": ["pipeline: other code"]},
    )
    definition = RunDefinition(name="x", fingerprint="", sweep={}, runs=runs)
    found = changes(definition)
    assert [change.entries for change in found] == [
        ("space.lr: 1 -> 2",),
        ("pipeline: other code",),
    ]
    assert [change.alters_training for change in found] == [False, True]
    hours = [datetime(2026, 1, 1, hour, 30) for hour in range(10, 16)]
    assert definitions_of(hours[0], hours[1], found) == (1,)
    assert definitions_of(hours[0], None, found) == (1, 2, 3)
    assert definitions_of(hours[2], hours[3], found) == (2,)
    assert definitions_of(None, None, found) == ()
