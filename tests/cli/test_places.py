"""The paths that people type, and run directories of any name."""

import re
from pathlib import Path
from typing import Any

import optuna
import pytest

from segue.cli import segue
from tests.cli.support import complete

SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name",
    [
        "q?x={a}%3F",
        *(pytest.param(name, marks=SLOW) for name in ("q?x=1", "{a}", "a%3Fb", "#1", "ü")),
    ],
)
def test_a_run_directory_may_have_any_name(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    complete(home, "stages", name)
    assert _exit_code("run", "stages", "--run-dir", f"runs/{name}") == 0
    assert (home / "runs" / name / "report.html").is_file()
    found = re.search(r"--storage '?(sqlite:///.*?)'? --study-name", capsys.readouterr().out)
    assert found is not None
    assert optuna.get_all_study_names(found[1]) == ["stages"]
    assert [path.name for path in (home / "runs").iterdir()] == [name]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["run", "stages", "--run-dir=~/runs/stages"], marks=SLOW),
        ["run", "~/sweeps/stages.py", "--run-dir=~/runs/stages"],
        pytest.param(["run", "stages", "--warm-start=~/runs/stages"], marks=SLOW),
        ["show", "~/runs/stages"],
        ["report", "~/runs/stages", "--out=~/page.html"],
    ],
    ids=" ".join,
)
def test_a_tilde_is_the_users_folder_in_every_place(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.setenv("HOME", str(home))
    complete(home, "stages")
    assert _exit_code(*arguments) == 0
    assert capsys.readouterr().err == ""
    assert not (home / "~").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "stages", "--run-dir="], "--run-dir is empty: give a path.\n"),
        (["run", ""], "SWEEP is empty: give a path.\n"),
        (["run", "stages", "--warm-start="], "--warm-start is empty: give a path.\n"),
        (
            ["run", "runs/stages"],
            "runs/stages is a run directory, not a sweep: `segue show runs/stages` shows it, and"
            " the sweep's name or file resumes it.\n",
        ),
        (["show", ""], "RUN is empty: give a path.\n"),
        (
            ["report", "runs/stages", "--out=~nobody-of-that-name/page.html"],
            "--out ~nobody-of-that-name/page.html names a user who has no folder here: give a path"
            " that starts with ./ or / instead.\n",
        ),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_place_that_cannot_be_meant_is_refused_by_its_name(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    complete(home, "stages")
    assert _exit_code(*arguments) == 2
    assert capsys.readouterr().err == said


def _exit_code(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        segue(list(arguments))
    return ended.value.code
