"""Runs that are damaged, or made by something else: read as far as they are sound, or refused."""

import ctypes
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from segue.cli import segue
from segue.report.data.summary import read_summary
from segue.report.load import load
from segue.tune.study.warm_start import trials_to_adopt
from tests.tune.support.doubles import make_sweep
from tests.tune.support.fake_tune import open_record

DEEP = "[" * 10_000 + "]" * 10_000
Damage = Callable[[Path], object]


def executed(statement: str, *values: object) -> Damage:
    def damage(run: Path) -> None:
        with closing(sqlite3.connect(run / "study.db")) as study, study:
            assert study.execute(statement, values).rowcount

    return damage


def attribute(name: str, value: object) -> Damage:
    return executed(
        "INSERT OR REPLACE INTO trial_user_attributes (trial_id, key, value_json) VALUES (1, ?, ?)",
        name,
        json.dumps(value),
    )


def _respect_permissions() -> None:
    """Give up root's privilege to write where the permissions forbid it (prctl(2))."""
    if os.geteuid() == 0:
        drop_from_bounding_set, dac_override = 24, 1
        ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0)


def cut(run: Path) -> None:
    study = run / "study.db"
    study.write_bytes(study.read_bytes()[: study.stat().st_size // 3])


def fifo(name: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return damage


def folder(name: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        (run / name).mkdir()

    return damage


def text(name: str, content: str) -> Damage:
    return lambda run: (run / name).write_text(content)


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        segue(list(arguments))
    captured = capsys.readouterr()
    assert left.value.code == code, captured.out + captured.err
    return captured.err if code else captured.out


REFUSED: dict[str, tuple[Damage, str]] = {
    "a truncated study": (cut, "cannot be read as an Optuna study"),
    "a state that does not exist": (
        executed("UPDATE trials SET state = 'HALTED' WHERE trial_id = 2"),
        "cannot be read as an Optuna study",
    ),
    "a date that is not one": (
        executed("UPDATE trials SET datetime_start = 'yesterday' WHERE trial_id = 2"),
        "cannot be read as an Optuna study",
    ),
    "a study that does not exist": (executed("DELETE FROM studies"), "has no study 'double'"),
    "a study that is a FIFO": (fifo("study.db"), "it is not a regular file"),
    "a study that is a folder": (folder("study.db"), "it is not a regular file"),
    "a definition that is a FIFO": (fifo("sweep.json"), "it is not a regular file"),
    "a definition that is a folder": (folder("sweep.json"), "it is not a regular file"),
    "a definition of nested lists": (text("sweep.json", DEEP), "is damaged (it is nested too"),
}

SKIPPED: dict[str, tuple[Damage, str]] = {
    "stages that are a number": (attribute("stages", 2), "attribute 'stages' of trial 0"),
    "constraints that are a number": (
        attribute("constraints", 0.5),
        "attribute 'constraints' of trial 0",
    ),
    "a stop without a step": (attribute("stop", {"value": 1.0}), "attribute 'stop' of trial 0"),
    "a lineage that is a text": (attribute("lineage", "none"), "attribute 'lineage' of trial 0"),
    "values of seeds that are a text": (
        attribute("return_per_seed", "many"),
        "attribute 'return_per_seed' of trial 0",
    ),
    "an attribute of nested lists": (
        attribute("reason", json.loads("[" * 200 + "]" * 200)),
        "attribute 'reason' of trial 0",
    ),
    "an intermediate value that is a text": (
        executed("UPDATE trial_intermediate_values SET intermediate_value = 'x' WHERE trial_id=1"),
        "trial 0: an intermediate value",
    ),
    "a range whose scale is a list": (
        executed(
            "UPDATE trial_params SET distribution_json = ?"
            " WHERE trial_id = 1 AND param_name = 'lr'",
            '{"name": "FloatDistribution", "attributes":'
            ' {"step": null, "low": 0.0, "high": 9.0, "log": []}}',
        ),
        "trial 0: the range of a parameter",
    ),
}


@pytest.mark.parametrize("specimen", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(
    run: Path, capsys: pytest.CaptureFixture[str], specimen: str
) -> None:
    damage, sentence = REFUSED[specimen]
    damage(run)
    for command in (["show"], ["show", "--json"], ["report"]):
        (line,) = said(capsys, 2, command[0], str(run), *command[1:]).strip().splitlines()
        assert sentence in line
    for read in (load, trials_to_adopt):
        with pytest.raises(ValueError):
            read(run)


@pytest.mark.parametrize("specimen", SKIPPED)
def test_what_is_damaged_in_a_study_is_skipped_and_counted(
    run: Path, capsys: pytest.CaptureFixture[str], specimen: str
) -> None:
    damage, example = SKIPPED[specimen]
    damage(run)
    sentence = f"1 record of study.db is damaged and was skipped ({example})."
    assert sentence in said(capsys, 0, "show", str(run))
    said(capsys, 0, "report", str(run))
    assert sentence.replace("'", "&#39;") in (run / "report.html").read_text()
    heard: list[str] = []
    assert trials_to_adopt(run, heard.append)[0]
    assert len(heard) == 1 and example in heard[0]


@pytest.mark.parametrize("specimen", SKIPPED)
def test_a_run_with_a_damaged_study_is_not_continued(run: Path, specimen: str) -> None:
    SKIPPED[specimen][0](run)
    before = (run / "study.db").read_bytes()
    with pytest.raises(ValueError, match=r"cannot be read as an Optuna study .* --fresh"):
        open_record(run, make_sweep())
    assert (run / "study.db").read_bytes() == before


@pytest.mark.parametrize("damage", [fifo("lock"), folder("lock")])
def test_a_lock_that_is_not_a_file_is_held_by_no_one(
    run: Path, capsys: pytest.CaptureFixture[str], damage: Damage
) -> None:
    damage(run)
    assert "The sweep is running." not in said(capsys, 0, "show", str(run))


@pytest.mark.parametrize("make", [fifo, folder])
def test_results_that_are_not_a_file_are_one_damaged_record(
    run: Path, capsys: pytest.CaptureFixture[str], make: Callable[[str], Damage]
) -> None:
    make("trials/0008/results.jsonl")(run)
    assert "1 record of results.jsonl is damaged" in said(capsys, 0, "show", str(run))


def test_a_description_that_is_a_list_is_not_shown(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = read_summary(run).best[0].number
    text(f"trials/{number:04d}/trial.json", "[1]")(run)
    shown = said(capsys, 0, "show", str(run), "--trial", str(number))
    assert "The pipeline is not shown: " in shown and "trial.json is damaged" in shown


def test_a_study_is_read_where_nothing_can_be_written(run: Path) -> None:
    script = (
        "import sys; from pathlib import Path;"
        " from segue.report.data.summary import read_summary;"
        " print(len(read_summary(Path(sys.argv[1])).trials))"
    )
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(run, Path(folder, "run")))
        with closing(sqlite3.connect(copy / "study.db")) as study:
            assert study.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        for path in (Path(folder), copy, *copy.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        command = [sys.executable, "-c", script, str(copy)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, preexec_fn=_respect_permissions
        )
        assert done.stdout == "16\n", done.stderr
        assert not list(copy.glob("study.db-*"))
        for path in (Path(folder), copy, *copy.rglob("*")):
            path.chmod(0o755)
