"""Commands and sweeps that are wrong end with one sentence, and nothing is overwritten."""

from pathlib import Path

import pytest

from segue.tune.options.options import DECLARED, flag_of
from tests.cli.support import complete, exit_code, files, write


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
    before = files(home)
    assert exit_code(*arguments) == 2
    answer = capsys.readouterr()
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""
    assert files(home) == before


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
    assert exit_code("stages", f"{option}={BAD_VALUES[name]}") == 2
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
    write(home, "wrong", given)
    before = files(home)
    assert exit_code("wrong", *describe) == 2
    answer = capsys.readouterr()
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert files(home) == before


def test_a_changed_sweep_is_refused_and_nothing_is_overwritten(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    complete(home, "stages")
    before = files(home)
    assert exit_code("stages", "--seeds", "3") == 2
    assert (
        "has changed since runs/stages was made (seeds: 2 -> 3): continue with"
        " --accept-changes, start from scratch" in capsys.readouterr().err
    )
    write(home, "other")
    assert exit_code("other", "--run-dir", "runs/stages") == 2
    assert "was made by the sweep 'stages', not 'other'" in capsys.readouterr().err
    assert {path: text for path, text in files(home).items() if path.startswith("runs")} == {
        path: text for path, text in before.items() if path.startswith("runs")
    }
