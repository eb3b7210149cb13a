"""The command line: what it says, and the code that it exits with."""

import json
from pathlib import Path
from typing import Any

import pytest

from segue.cli import main
from segue.cli.run import _as_typed
from segue.tune.options.options import DECLARED, flag_of

SWEEP = '''"""How long should the first stage be?"""

from tests.tune.support.doubles import make_sweep
#
sweep = make_sweep(...)
'''


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the sweep `stages` in its folder; Ray must not start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ray.init", _must_not_be_called)
    (tmp_path / "sweeps").mkdir()
    _write(tmp_path, "stages")
    return tmp_path


def test_without_a_name_the_sweeps_are_listed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(home, "b")
    assert _exit_code() == 0
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
    assert _exit_code() == 0
    assert "There are no sweeps here" in capsys.readouterr().out


def test_describe_shows_what_would_be_run_and_writes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _exit_code("stages", "--describe", "--seeds", "3", "--trials", "20") == 0
    said = capsys.readouterr().out
    assert said.startswith("stages: How long should the first stage be?\n")
    assert "trials        20: the grid of 16, then tpe" in said
    assert "seeds         3 per trial" in said
    assert not (home / "runs").exists()


def test_describe_names_optimizers_that_run_one_member_at_a_time(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(home, "adagrad", "pipeline=with_adagrad")
    assert _exit_code("adagrad", "--describe") == 0
    assert "optimizer     one member at a time, by Adagrad itself" in capsys.readouterr().out
    assert _exit_code("stages", "--describe") == 0
    assert "one member at a time" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stagse"], "There is no sweep 'stagse' in the folder sweeps: did you mean 'stages'?"),
        (
            ["mine.py"],
            "There is no sweep file mine.py: give the path of a .py file, or the name of a sweep.",
        ),
        (["stages", "--trials", "0"], "--trials must be at least 1, got 0."),
        (["stages", "--seeds", "-1"], "--seeds must be at least 1, got -1."),
        (["stages", "--concurrency", "0"], "--concurrency must be at least 1, got 0."),
        (["stages", "--max-steps", "0"], "--max-steps must be at least 1, got 0."),
        (
            ["stages", "--max-steps", "10"],
            "--max-steps is 10, but a trial takes up to",
        ),
        (["stages", "--max-hours", "0"], "--max-hours must be above 0, got 0.0."),
        (["stages", "--target", "nan"], "--target must be finite, got nan."),
        (["stages", "--warm-start", "nowhere"], "--warm-start: nowhere is not a run directory"),
        (["stages", "--trails", "3"], "No such option: --trails"),
        (["stages", "--trials", "many"], "Invalid value for '--trials'"),
        (
            ["stages", "--run-dir", "/dev/null/run"],
            "The run directory /dev/null/run cannot be written (Not a directory)",
        ),
        (["stages", "--address", "127.0.0.1:1"], "Ray does not respond at 127.0.0.1:1"),
        (
            ["stages", "--log-to", "mlflw"],
            "--log-to names no service 'mlflw': did you mean 'mlflow'?",
        ),
        (["stages", "--notify", " "], "--notify is ' ': give an http(s) URL or a shell command."),
        (
            ["stages", "--notify", "***"],
            "--notify is '***': give an http(s) URL or a shell command.",
        ),
        (["stages", "--gpus", "half"], "--gpus must be a number or auto, got 'half'."),
        (["stages", "--gpus", "-1"], "--gpus must not be negative, got -1."),
        (
            ["stages", "--notify", "ftp://a/secret"],
            "--notify takes a URL of http or https, or a shell command",
        ),
    ],
)
def test_a_wrong_command_is_refused_in_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    before = _files(home)
    assert _exit_code(*arguments) == 2
    answer = capsys.readouterr()
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""
    assert _files(home) == before


BAD_VALUES = {
    "trials": "0",
    "seeds": "-1",
    "max_steps": "0",
    "max_hours": "-2",
    "target": "inf",
    "set": "lr",
    "only": "nothing",
    "warm_start": "nowhere",
    "fresh": "yes",
    "accept_changes": "yes",
    "address": "127.0.0.1:1",
    "concurrency": "0",
    "rows": "many",
    "gpus": "half",
    "log_to": "mlflw",
    "notify": " ",
    "storage": "nonsense",
    "run_dir": "/dev/null/run",
}


@pytest.mark.parametrize("name", [*DECLARED, "run_dir"])
def test_a_bad_value_is_refused_by_the_name_of_its_option(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    option = flag_of(name)
    assert _exit_code("stages", f"{option}={BAD_VALUES[name]}") == 2
    message = capsys.readouterr().err
    assert option in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "space={'frist_steps': 400, 'lr': 1e-3, 'gae_lambda': 0.9}, trials=3",
            "did you mean 'first_steps'?",
        ),
        ("world='CartPole-v9'", "There is no world 'CartPole-v9'"),
        ("metric='retrun'", "There is no metric 'retrun' in this world: did you mean 'return'?"),
        ("pipeline=no_stages", "pipeline_stages has no stages: give at least one PipelineStage."),
        ("pipeline=with_lbfgs", "LBFGS cannot update the flat vector of a member's parameters"),
        (
            "pipeline=unknown_loss",
            "names the loss 'pop', which named_losses lacks: did you mean 'ppo'?",
        ),
    ],
    ids=["parameter", "world", "metric", "stages", "optimizer", "loss"],
)
@pytest.mark.parametrize("describe", [[], ["--describe"]], ids=["run", "describe"])
def test_a_wrong_sweep_is_refused_in_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], given: str, said: str, describe: list[str]
) -> None:
    _write(home, "wrong", given)
    before = _files(home)
    assert _exit_code("wrong", *describe) == 2
    answer = capsys.readouterr()
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert _files(home) == before


def test_a_changed_sweep_is_refused_and_nothing_is_overwritten(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _complete(home, "stages")
    before = _files(home)
    assert _exit_code("stages", "--seeds", "3") == 2
    assert (
        "has changed since runs/stages was made (seeds: 2 -> 3): continue with"
        " --accept-changes, start from scratch" in capsys.readouterr().err
    )
    _write(home, "other")
    assert _exit_code("other", "--run-dir", "runs/stages") == 2
    assert "was made by the sweep 'stages', not 'other'" in capsys.readouterr().err
    assert {path: text for path, text in _files(home).items() if path.startswith("runs")} == {
        path: text for path, text in before.items() if path.startswith("runs")
    }


def test_a_change_can_be_accepted_and_is_written_down(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _complete(home, "stages")
    assert _exit_code("stages", "--seeds", "3", "--accept-changes") == 0
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
    _complete(home, "stages")
    assert _exit_code("stages", "--trials", "40", *limit) == 0
    said = capsys.readouterr().out
    assert "The sweep is complete" in said
    assert "stages: 16 of at most 40 trials: 7 complete, 5 stopped early" in said
    assert reason in said and "waiting" not in said


def test_a_complete_sweep_is_reported_and_trains_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _complete(home, "stages")
    assert _exit_code("stages") == 0
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
    assert _exit_code("stages", "--fresh") == 130
    assert (
        capsys.readouterr().err
        == "Interrupted. Resume with: python -m sweeps.run stages --seeds 2 --notify '***'\n"
    )


OTHER_PIPELINES = """
import torch

from segue.plan.values.builder import Builder
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.stage import PipelineStage
from tests.tune.support.doubles import pipeline

def no_stages(first_steps, lr, gae_lambda):
    return with_stages([], pipeline(first_steps, lr, gae_lambda))

def unknown_loss(first_steps, lr, gae_lambda):
    stages = [PipelineStage(["pop"], max_stage_steps=10)]
    return with_stages(stages, pipeline(first_steps, lr, gae_lambda))

def with_adagrad(first_steps, lr, gae_lambda):
    good = pipeline(first_steps, lr, gae_lambda)
    return with_stages(good.pipeline_stages, good, Builder(torch.optim.Adagrad, {"lr": lr}))

def with_lbfgs(first_steps, lr, gae_lambda):
    good = pipeline(first_steps, lr, gae_lambda)
    return with_stages(good.pipeline_stages, good, Builder(torch.optim.LBFGS, {"lr": lr}))

def with_stages(stages, good, optimizer=None):
    settings = 1, 1, 0.5, 10, 0.99, True, 0.95, None, None, 100
    builder = optimizer or good.optimizer_builder
    return TrainingPipeline(good.named_losses, stages, builder, *settings)
"""


def _write(home: Path, name: str, given: str = "") -> None:
    (home / "sweeps" / f"{name}.py").write_text(
        SWEEP.replace("#", OTHER_PIPELINES if given else "").replace("...", given)
    )


def _complete(home: Path, name: str, folder: str = "") -> None:
    from segue.tune.code.sweep_file import load_sweep
    from segue.tune.run.directory import RunDirectory
    from segue.tune.run.opening import open_run
    from segue.tune.search.domains import SearchSpace
    from segue.tune.study.record import StudyRecord
    from tests.tune.support.doubles import make_sweep
    from tests.tune.support.fake_tune import FakeTune

    file = home / "sweeps" / f"{name}.py"
    sweep = load_sweep(file) if file.exists() else make_sweep()
    run = RunDirectory(home / "runs" / (folder or name))
    with open_run(run, sweep, name):
        record = StudyRecord(run.study, name, "max", SearchSpace.of(sweep.space))
        record.plan(sweep.grid() or [])
        FakeTune(record, sweep, 16, {}).run()
        record.close()


def _exit_code(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


def _files(home: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _must_not_be_called(*arguments: Any, **keywords: Any) -> None:
    raise AssertionError("Ray must not start")


def _interrupted(*arguments: Any, **keywords: Any) -> None:
    raise KeyboardInterrupt
