"""`sweep.json`, and the refusal of runs of another format by every command that reads a run."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from segue.cli import segue
from segue.record.files.definition import FORMAT, RunDefinition, first_start, read_definition
from segue.record.layout import RunLayout

DEFINITION = RunDefinition(
    name="double",
    fingerprint="0123",
    sweep={"metric": "return", "mode": "max"},
    runs=({"started": "today"},),
    question="Does it work?",
)
IN_A_DATABASE = {"storage": "postgresql+psycopg://me@host/db", "name": "double-1a2b"}
COMMANDS: dict[str, list[str]] = {
    "run": ["run", "SWEEP", "--run-dir", "RUN"],
    "warm start": ["run", "SWEEP", "--warm-start", "RUN"],
    "show": ["show", "RUN"],
    "report": ["report", "RUN"],
    "retrain": ["retrain", "RUN"],
    "rerun": ["rerun", "RUN", "--trial", "0"],
    "play": ["play", "RUN"],
}
SWEEPS = Path(__file__).parents[2] / "sweeps"


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    for definition in (DEFINITION, RunDefinition(**{**vars(DEFINITION), "study": IN_A_DATABASE})):
        definition.write(RunLayout(tmp_path))
        assert read_definition(RunLayout(tmp_path)) == definition
    assert definition.study_name == "double-1a2b" and DEFINITION.study_name == "double"
    assert first_start(RunLayout(tmp_path).definition.read_bytes()) == "today"


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is not a run directory: it has no sweep\.json"):
        read_definition(RunLayout(tmp_path))


@pytest.mark.parametrize("content", ["{half", "[]", "{}", '{"format": 1, "name": "double"}'])
def test_a_damaged_one_is_refused(tmp_path: Path, content: str) -> None:
    RunLayout(tmp_path).definition.write_text(content)
    with pytest.raises(ValueError, match=r"sweep\.json is damaged|was written in format 0"):
        read_definition(RunLayout(tmp_path))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("found", [0, FORMAT + 1])
def test_a_run_of_another_format_is_refused_in_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    found: int,
) -> None:
    run = _of_format(tmp_path / "run", found, "ppo_grid")
    before = run.definition.read_text()
    monkeypatch.chdir(tmp_path)
    names = {"RUN": str(run.path), "SWEEP": str(SWEEPS / "ppo_grid.py")}
    with pytest.raises(SystemExit) as left:
        segue([names.get(word, word) for word in COMMANDS[command]])
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"was written in format {found}, and this version of Segue reads format 1: " in line
    assert run.definition.read_text() == before


def test_a_notebook_is_refused_as_well(tmp_path: Path) -> None:
    from segue.report.load import load

    with pytest.raises(ValueError, match=r"was written in format 0.* --fresh"):
        load(_of_format(tmp_path, 0, "double").path)


def _of_format(path: Path, found: int, name: str) -> RunLayout:
    path.mkdir(exist_ok=True)
    run = RunLayout(path)
    RunDefinition(**{**vars(DEFINITION), "name": name}).write(run)
    known: dict[str, Any] = json.loads(run.definition.read_text())
    del known["format"]
    run.definition.write_text(json.dumps(({"format": found} if found else {}) | known))
    return run


def test_when_the_definition_changed_last() -> None:
    def of(*starts: dict[str, object]) -> datetime | None:
        return RunDefinition(name="x", fingerprint="", sweep={}, runs=starts).changed_at

    first = {"started": "2026-01-01T10:00:00+00:00"}
    assert of(first, first) is None
    started = "2026-01-02T10:00:00+02:00"
    changed = {"started": started, "changes": ["lanes: 4 -> 8"]}
    expected = datetime.fromisoformat(started).astimezone().replace(tzinfo=None)
    assert of(first, changed, first) == expected
    assert of(first, {"started": "yesterday", "changes": ["x"]}) == datetime.max
