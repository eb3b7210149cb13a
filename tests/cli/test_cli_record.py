"""`segue record`: what it says, leaves, and refuses."""

import re
from pathlib import Path
from typing import Any

import pytest

from segue.cli import segue
from segue.worlds.demonstrations import read_recording


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _exit_code(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        segue(["record", *arguments])
    return ended.value.code


def test_it_records_and_prints_what_and_how_to_use_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _exit_code("PoisonedDoors-v0", "--episodes", "12", "--seed", "4") == 0
    said = capsys.readouterr().out
    assert re.match(
        r"demonstrations/PoisonedDoors-v0\.npz \(\d+ KiB\)\n"
        r"  12 episodes, 12 steps, mean return 2, mean length 1, mean success 1\n",
        said,
    )
    assert 'Builder(Demonstrations, {"path": "demonstrations/PoisonedDoors-v0.npz"})' in said
    about = read_recording(home / "demonstrations" / "PoisonedDoors-v0.npz").about
    assert (about["episodes"], about["seed"]) == (12, 4)


def test_an_existing_file_is_unchanged_unless_it_is_to_be_replaced(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "kept.npz").write_text("precious")
    assert _exit_code("PoisonedDoors-v0", "--out", "kept.npz") == 2
    assert (
        capsys.readouterr().err
        == "kept.npz exists: choose another --out, or overwrite it with --force.\n"
    )
    assert (home / "kept.npz").read_text() == "precious"
    assert _exit_code("PoisonedDoors-v0", "--out", "kept.npz", "--force") == 0
    assert read_recording(home / "kept.npz").about["episodes"] == 100


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["Acrobot-v1"],
            "The world 'Acrobot-v1' has no expert: choose a world with one, such as CartPole-v1",
        ),
        (["CartPole-v7"], "There is no world 'CartPole-v7'"),
        (["CartPole-v1", "--episodes", "0"], "episodes must be at least 1"),
        (["CartPole-v1", "--episodes", "many"], "Invalid value for '--episodes'"),
        (["CartPole-v1", "--lanes", "0"], "at least 1 member and 1 lane"),
        (["CartPole-v1", "--out", "file.pkl"], "give a name that ends in .npz"),
        (["CartPole-v1", "--success-only"], "has no metric 'success'"),
        ([], "Missing argument"),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert _exit_code(*arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and not said.out
    assert not list(home.iterdir())


def test_ctrl_c_leaves_nothing_half_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("segue.worlds.array.poisoned_doors.PoisonedDoors.step", interrupted)
    assert _exit_code("PoisonedDoors-v0") == 130
    assert not list(home.iterdir())


def test_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        segue([])
    assert ended.value.code == 2
    listed = re.findall(r"^  (\w+)  ", capsys.readouterr().err, re.MULTILINE)
    commands = [
        "run",
        "show",
        "report",
        "retrain",
        "play",
        "rerun",
        "record",
        "submit",
        "jobs",
        "cluster",
    ]
    assert [name for name in listed if name in commands] == commands
