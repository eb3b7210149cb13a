"""The command line: what it says, and the code that it exits with."""

import json
from pathlib import Path
from typing import Any

import pytest

from segue.cli.run import _as_typed
from tests.cli.support import complete, exit_code, write


def test_without_a_name_the_sweeps_are_listed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, "b")
    assert exit_code() == 0
    assert (
        capsys.readouterr().out
        == "b       How long should the first stage be?\nstages  How long should the first stage"
        " be?\n"
    )


def test_an_empty_folder_is_refused_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()
    assert exit_code() == 0
    assert "There are no sweeps here" in capsys.readouterr().out


def test_describe_shows_what_would_be_run_and_writes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("stages", "--describe", "--seeds", "3", "--trials", "20") == 0
    said = capsys.readouterr().out
    assert said.startswith("stages: How long should the first stage be?\n")
    assert "trials        20: the grid of 16, then tpe" in said
    assert "seeds         3 per trial" in said
    assert not (home / "runs").exists()


def test_describe_names_optimizers_that_run_one_member_at_a_time(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, "adagrad", "pipeline=with_adagrad")
    assert exit_code("adagrad", "--describe") == 0
    assert "optimizer     one member at a time, by Adagrad itself" in capsys.readouterr().out
    assert exit_code("stages", "--describe") == 0
    assert "one member at a time" not in capsys.readouterr().out


def test_a_change_can_be_accepted_and_is_written_down(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    complete(home, "stages")
    assert exit_code("stages", "--seeds", "3", "--accept-changes") == 0
    assert "The sweep is complete" in capsys.readouterr().out
    recorded = json.loads((home / "runs" / "stages" / "sweep.json").read_text())
    assert recorded["definition"]["seeds"] == 3
    assert recorded["runs"][-1]["changes"] == ["seeds: 2 -> 3"]


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        (["--target", "-1"], "Trial 0 reached the target of -1 (--target)"),
        (["--max-steps", "10"], "The budget of 10 steps is spent: "),
    ],
    ids=["target", "steps"],
)
def test_a_sweep_that_has_enough_says_why_rather_than_that_trials_wait(
    home: Path, capsys: pytest.CaptureFixture[str], limit: list[str], reason: str
) -> None:
    complete(home, "stages")
    assert exit_code("stages", "--trials", "40", *limit) == 0
    said = capsys.readouterr().out
    assert "The sweep is complete" in said
    assert "stages: 16 of at most 40 trials: 7 complete, 5 stopped early" in said
    assert reason in said and "waiting" not in said


def test_a_complete_sweep_is_reported_and_trains_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    complete(home, "stages")
    assert exit_code("stages") == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "The sweep is complete: there is nothing left to train.\nstages: 16 trials: "
    )
    assert "--storage sqlite:///runs/stages/study.db --study-name stages" in said


def test_the_command_to_resume_is_the_one_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: f"/opt/bin/{tool}")
    command = ["/opt/bin/python", "/opt/bin/segue", "run", "stages"]
    assert _as_typed(command) == ["segue", "run", "stages"]
    assert _as_typed(["python", "-m", "sweeps.run"]) == ["python", "-m", "sweeps.run"]
    monkeypatch.setattr("shutil.which", lambda tool: None)
    assert _as_typed(command) == ["/opt/bin/segue", "run", "stages"]


def test_ctrl_c_before_there_is_a_run_prints_how_to_continue(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("segue.tune.drive.run_sweep", _interrupted)
    command = [
        "python",
        "-m",
        "sweeps.run",
        "stages",
        "--fresh",
        "--seeds",
        "2",
        "--notify",
        "https://a/secret",
    ]
    monkeypatch.setattr("sys.orig_argv", command)
    assert exit_code("stages", "--fresh") == 130
    assert (
        capsys.readouterr().err
        == "Interrupted. Resume with: python -m sweeps.run stages --seeds 2 --notify '***'\n"
    )


def _interrupted(*arguments: Any, **keywords: Any) -> None:
    raise KeyboardInterrupt
