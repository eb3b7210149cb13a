"""Runs that someone made to harm whoever reads them: stores, studies, files and checkpoints."""

import csv
import io
import json
import math
import os
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.distributions import CategoricalDistribution
from optuna.trial import create_trial
from rich.console import Console

from segue.base.files import append_row
from segue.base.paths import UnsafeNameError
from segue.cli import segue as main
from segue.plan.decision import Exploit
from segue.record.checkpoints import checkpoint_name
from segue.record.layout import HELD_OUT, RunLayout
from segue.report import tables
from segue.report.data.facts import facts
from segue.report.data.summary import Summary, read_summary
from segue.report.overview import show
from segue.report.page.page import page
from segue.store import objects
from segue.train.checkpoint import digest
from segue.tune.run.decisions import decision_for
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lineage import read_lineage, write_lineage
from segue.tune.run.resumable import check_resumable
from tests.store.servers import BUCKET, an_s3, client

CONTROL = "\x1b]0;owned\x07[/b][red]\u202e"
ESCAPED = "\\x1b]0;owned\\x07[/b][red]\\u202e"


def exit_code(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert exit_code(*arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.endswith(".\n"), said
    return said


@pytest.mark.parametrize("key", ["trials/../../../../victim", "sweep-/../../../../victim"])
def test_a_store_cannot_write_outside_the_readers_copy(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    key: str,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with an_s3() as found:
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        objects.forget_connections()
        s3 = client("s3", found)
        for path in run.glob("s*"):
            s3.put_object(Bucket=BUCKET, Key=f"a/{path.name}", Body=path.read_bytes())
        assert exit_code("show", f"s3://{BUCKET}/a") == 0
        before = sorted(tmp_path.rglob("*"))
        s3.put_object(Bucket=BUCKET, Key=f"a/{key}", Body=b"harm")
        said = refusal(capsys, "show", f"s3://{BUCKET}/a")
    assert f"s3://{BUCKET}/a names the file '{key}', which is outside its folder" in said
    assert sorted(tmp_path.rglob("*")) == before and not list(tmp_path.rglob("victim"))


def test_the_name_of_a_sweep_is_not_a_path_of_code_to_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = tmp_path / "harm.py"
    code.write_text(f"from pathlib import Path\nPath({str(tmp_path / 'victim')!r}).touch()\n")
    rename(run, str(code))
    for command in (("retrain", str(run)), ("rerun", str(run), "--trial", "0")):
        assert "is not here: give its file with --sweep" in refusal(capsys, *command)
    assert not (tmp_path / "victim").exists()


def rename(run: Path, name: str) -> None:
    definition = json.loads((run / "sweep.json").read_text())
    old = definition["name"]
    (run / "sweep.json").write_text(json.dumps(definition | {"name": name}))
    storage = f"sqlite:///{run / 'study.db'}"
    optuna.copy_study(
        from_study_name=old, from_storage=storage, to_storage=storage, to_study_name=name
    )


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 160])
def test_control_characters_reach_no_terminal(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    spoil(run)
    monkeypatch.setenv("COLUMNS", str(width))
    outputs = {}
    for arguments in ((), ("--trial", "0"), ("--csv",), ("--json",)):
        assert exit_code("show", str(run), *arguments) == 0
        outputs[arguments] = capsys.readouterr().out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", outputs[arguments]), arguments
    assert f"{ESCAPED}: " in outputs[()] and ESCAPED in outputs[("--trial", "0")]
    assert ESCAPED in {row["reason"] for row in csv.DictReader(io.StringIO(outputs[("--csv",)]))}
    rename(run, CONTROL + "x")
    (run / "sweep.json").unlink()
    assert exit_code("show", str(run) + CONTROL) == 2
    assert ESCAPED in capsys.readouterr().err


def test_control_characters_reach_no_page(run: Path) -> None:
    spoil(run)
    text = page(read_summary(run))
    assert ESCAPED in text.replace("&#39;", "'")
    assert not any(sequence in text for sequence in ("\x1b", "\u202e", "\\u001b]0"))


def spoil(run: Path) -> None:
    """Put control characters into the name of the sweep and the reasons of its trials."""
    rename(run, CONTROL)
    storage = optuna.storages.RDBStorage(f"sqlite:///{run / 'study.db'}")
    study = optuna.load_study(study_name=CONTROL, storage=storage)
    with storage.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT OR REPLACE INTO trial_user_attributes (trial_id, key, value_json)"
            " SELECT trial_id, 'reason', ? FROM trials WHERE study_id = ?",
            (json.dumps(CONTROL), study._study_id),
        )


def with_value(summary: Summary, value: Any) -> Summary:
    """Return the summary with a parameter `text` of this value in each trial that has ended."""
    distribution = CategoricalDistribution([value, "other"])
    trials = []
    for trial in summary.trials:
        if trial.value is None:
            continue
        made = create_trial(
            value=trial.value,
            params={**trial.params, "text": value},
            distributions={**trial.distributions, "text": distribution},
            user_attrs=trial.user_attrs,
            intermediate_values=trial.intermediate_values,
        )
        made.number = trial.number
        trials.append(made)
    return replace(summary, trials=tuple(trials))


@pytest.mark.parametrize(
    ("value", "shown"), [("obs[image]", "obs[image]"), ("[/b]", "[/b]"), (CONTROL, ESCAPED)]
)
@pytest.mark.parametrize("width", [90, 160])
def test_values_are_no_markup(run: Path, value: str, shown: str, width: int) -> None:
    summary = with_value(read_summary(run), value)
    printers: list[Callable[[Console], None]] = [
        lambda console: show(summary, console),
        lambda console: tables.show_trials(summary, facts(summary), 20, console),
        lambda console: tables.show_trial(summary, facts(summary)[0], console),
    ]
    for print_table in printers:
        file = io.StringIO()
        print_table(Console(file=file, width=width))
        printed = " ".join(file.getvalue().split())
        assert f"text {shown}" in printed or f"text = {shown}" in printed
        assert "\x1b" not in printed


def test_json_is_strict(run: Path) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    summary = with_value(read_summary(run), math.inf)
    found = json.loads(tables.as_json(summary, facts(summary)), parse_constant=refuse)
    assert found["trials"][0]["parameters"]["text"] == {"float": "inf"}


def test_decisions_and_lineage_name_no_checkpoint_elsewhere(tmp_path: Path) -> None:
    run = RunLayout(tmp_path)
    exploit = {"env_steps": 1, "checkpoint": "../trials/0000/victim.pt", "parameters": {}}
    run.decisions_folder.mkdir()
    run.decisions(3).write_text(json.dumps({"exploits": [exploit]}))
    with pytest.raises(UnsafeNameError, match=r"names the file '\.\./trials/0000/victim.pt'"):
        decision_for(run.decisions(3), {"stage": 0, "env_steps": 64})
    trial = run.trial(3)
    trial.path.mkdir(parents=True)
    trial.lineage.write_text(json.dumps(exploit | {"generation": 1, "checkpoint": "/victim.pt"}))
    with pytest.raises(UnsafeNameError, match=r"names the file '/victim\.pt'"):
        read_lineage(trial)


def test_a_trial_appends_to_no_file_elsewhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    run = RunDirectory(tmp_path / "run")
    trial = run.trial(3)
    trial.path.mkdir(parents=True)
    for file in (trial.log, trial.results, trial.metrics):
        file.symlink_to(victim)
        with pytest.raises(ValueError, match="is not a regular file: move it away"):
            check_resumable(run, [3])
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            append_row(file, {"env_steps": 1})
        file.unlink()
    assert victim.read_text() == "mine\n"


def test_infinite_parameters_of_a_lineage_come_back(tmp_path: Path) -> None:
    trial = RunLayout(tmp_path).trial(3)
    trial.path.mkdir(parents=True)
    exploit = Exploit(1, tmp_path / "decisions" / "0003-1.pt", {"max_grad_norm": math.inf})
    write_lineage(trial, exploit)
    assert "Infinity" not in trial.lineage.read_text()
    assert read_lineage(trial) == exploit


class _Harm:
    """Unpickles by making a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_checkpoint_executes_nothing(tmp_path: Path, how: str) -> None:
    from segue.train.checkpoint import load_checkpoint
    from segue.train.play import Players

    victim = tmp_path / "victim"
    content = io.BytesIO()
    if how == "torch":
        torch.save({"trainer": _Harm(victim)}, content)
    else:
        content.write(pickle.dumps({"trainer": _Harm(victim)}, protocol=2))
    path = tmp_path / "checkpoints" / checkpoint_name(64, digest(content.getvalue()))
    path.parent.mkdir()
    path.write_bytes(content.getvalue())
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        Players.load(path, "CartPole-v1")
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        load_checkpoint(path.parent)
    assert not victim.exists()


@pytest.mark.parametrize("command", ["play", "record", "retrain"])
def test_other_commands_say_so_before_they_start(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    recording = tmp_path / "a.npz"
    video = tmp_path / "a.gif"
    arguments, target = {
        "play": (["play", str(run), "--record", str(video)], video),
        "record": (["record", "PoisonedDoors-v0", "--force", "--out", str(recording)], recording),
        "retrain": (["retrain", str(run)], run / HELD_OUT),
    }[command]
    os.mkfifo(target)
    said = refusal(capsys, *arguments)
    assert f"{target} cannot be written (it is a FIFO, not a regular file): " in said
    assert target.is_fifo()


@pytest.mark.parametrize("kind", ["FIFO", "folder", "symbolic link"])
def test_a_report_replaces_only_files(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    target = tmp_path / "report.html"
    device = tmp_path / "device"
    if kind == "FIFO":
        os.mkfifo(target)
    elif kind == "folder":
        target.mkdir()
    else:
        os.mkfifo(device)
        target.symlink_to(device)
    before = target.lstat()
    said = refusal(capsys, "report", str(run), "--out", str(target))
    assert (
        f"{target} cannot be written (it is a {kind}, not a regular file): choose another" in said
    )
    assert target.lstat() == before
    shutil.move(target, tmp_path / "away")
    assert exit_code("report", str(run), "--out", str(target)) == 0
    assert target.is_file()
