"""How Segue is started: as a command, as modules, with help, a version and completion."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import segue
from segue.cli import app

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("gymnasium", "numpy", "optuna", "pandas", "pyarrow", "ray", "sqlalchemy", "torch")
COMMANDS = ["run", "show", "report", "retrain", "play", "rerun", "record", "zoo", "submit", "jobs"]


def python(*arguments: str, **environment: str) -> str:
    """What Python prints with these arguments; it must succeed."""
    return output_of(sys.executable, *arguments, **environment)


def output_of(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        app.segue(list(arguments))
    assert left.value.code == 0
    return capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--version") == f"segue {segue.__version__}\n"
    assert f'\nversion = "{segue.__version__}"\n' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS), ["cluster"], ["cluster", "check"]]
)
def test_h_is_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, *command, "-h")
    assert shown.startswith(" ".join(["Usage: segue", *command]))
    assert shown == printed(capsys, *command, "--help")


def test_it_is_a_module_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert python("-m", "segue", "--help") == printed(capsys, "--help")


def test_sweeps_run_has_the_help_of_run(capsys: pytest.CaptureFixture[str]) -> None:
    shown = python("-m", "sweeps.run", "-h").partition("\n")[2]
    assert shown == printed(capsys, "run", "-h").partition("\n")[2]


def test_shells_complete_commands(tmp_path: Path) -> None:
    request = {"_SEGUE_COMPLETE": "complete_bash", "COMP_WORDS": "segue re", "COMP_CWORD": "1"}
    assert python("-m", "segue", **request).split() == [
        "report",
        "retrain",
        "rerun",
        "record",
        "resume",
    ]
    # The shell is the one from which the command is given, and bash would become its last command.
    options = "--show-completion", "--install-completion"
    commands = " && ".join(f"{shlex.quote(sys.executable)} -m segue {each}" for each in options)
    script = output_of("bash", "-c", f"{commands} && :", HOME=str(tmp_path))
    assert "complete_bash" in script
    assert "segue" in (tmp_path / ".bashrc").read_text()


def imported(start: str, names: tuple[str, ...]) -> list[str]:
    """Those of the modules that a process has imported at its end."""
    code = f"""
import atexit, sys
names = set({names!r})
atexit.register(lambda: print("imported:", *sorted(names & sys.modules.keys())))
{start}
"""
    return python("-c", code).rpartition("imported:")[2].split()


@pytest.mark.parametrize(
    "start",
    [
        "import segue",
        "from segue.cli import segue; segue(['--help'])",
        "from segue.cli import main; main([])",
    ],
)
def test_a_quick_start_imports_nothing_heavy(start: str) -> None:
    # The forms of a run's files are built by pydantic: that takes as long as all else.
    assert imported(start, (*HEAVY, "segue.record.validation")) == []


@pytest.mark.slow
def test_describe_imports_what_the_sweep_needs_and_no_storage() -> None:
    start = "from segue.cli import main; main(['ppo_grid', '--describe'])"
    assert imported(start, ("boto3", "ray", "sqlalchemy", "tensorboardX", "torch")) == [
        "ray",
        "torch",
    ]
