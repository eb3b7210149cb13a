"""Inputs that no command can use end with one sentence and the exit code of a refusal."""

import warnings
from pathlib import Path

import pytest

from segue.cli.app import REFUSED, segue

LONG = "a" * 300
SWEEP = """
import sys

from ray import tune
from torch import optim

from segue import PPO, Builder, Evaluation, Module, PipelineStage, Sweep, TrainingPipeline


def pipeline(n):
    if n == BAD:
        FAIL
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=256)],
        optimizer_builder=Builder(optim.Adam, {"lr": 1e-3}),
        num_mini_batch=2,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=32,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=None,
        metric_accumulate_interval=128,
    )


def make(observation_space, action_space):
    raise KeyError("layers")


END
sweep = Sweep(
    pipeline=pipeline,
    space={"n": tune.grid_search([1, 2, 3])},
    world=WORLD,
    evaluation=Evaluation(every=256),
    policy=POLICY,
)
"""


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence with which a command is refused."""
    with pytest.raises(SystemExit) as ended:
        segue(list(arguments))
    printed = capsys.readouterr()
    assert (ended.value.code, printed.err.count("\n")) == (REFUSED, 1), printed
    return printed.err


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"BAD": "2", "FAIL": "1 / 0"}, "fails at {'n': 2}: ZeroDivisionError"),
        ({"BAD": "3", "FAIL": "sys.exit('no')"}, "fails at {'n': 3}: SystemExit: no"),
        ({"END": "sys.exit()"}, "SystemExit."),
        ({"END": "raise GeneratorExit('over')"}, "GeneratorExit: over."),
        ({"WORLD": "lambda width: None"}, "takes 'width', which the space lacks: add it, or"),
        ({"WORLD": "lambda members, lanes: 1 / 0"}, "'<lambda>' fails (ZeroDivisionError"),
        ({"POLICY": "Module(make)"}, ": make fails (KeyError: 'layers')."),
    ],
)
def test_user_code_that_fails_in_a_check_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parts: dict[str, str], sentence: str
) -> None:
    usual = {"BAD": "0", "FAIL": "pass", "END": "", "WORLD": "'CartPole-v1'", "POLICY": "None"}
    text = SWEEP
    for name, part in (usual | parts).items():
        text = text.replace(name, part)
    (tmp_path / "failing.py").write_text(text)
    assert sentence in refusal(capsys, "run", str(tmp_path / "failing.py"), "--describe")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", f"{LONG}.py"), "File name too long"),
        (("show", LONG), "File name too long"),
        (("cluster", "check", "deep.yaml"), "deep.yaml is nested too deeply"),
    ],
)
def test_long_names_and_deep_files_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deep.yaml").write_text(f"a: {'[' * 3000}{']' * 3000}")
    assert sentence in refusal(capsys, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["deep.yaml"]


@pytest.mark.parametrize(
    ("run_dir", "sentence"),
    [(LONG, "File name too long"), ("a/" * 2000, "nested too deeply")],
)
def test_run_directories_that_cannot_be_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run_dir: str,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SWEEP.replace("n == BAD", "False").replace("FAIL", "pass").replace("END", "")
    text = text.replace("WORLD", "'CartPole-v1'").replace("POLICY", "None")
    Path("good.py").write_text(text)
    assert sentence in refusal(capsys, "run", "good.py", "--run-dir", run_dir)


def test_a_warning_that_is_raised_as_an_error_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warn(name: str) -> None:
        warnings.warn("old name", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr("segue.tune.code.sweep_file.find_sweep", warn)
    assert "DeprecationWarning: old name" in refusal(capsys, "run", "any")
