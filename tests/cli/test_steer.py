"""Commands that steer a sweep: what they request, and what they refuse."""

import json
import shutil
from collections.abc import Iterator
from inspect import getsource
from pathlib import Path

import pytest

from segue.base.lock import locked
from segue.cli.app import REFUSED, segue
from segue.record.layout import RunLayout
from segue.record.local_run import LocalRun
from segue.record.study.steering import Request, new_request, waiting_requests
from segue.tune.code.sweep_file import load_sweep
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.search.domains import SearchSpace
from segue.tune.study.record import StudyRecord
from tests.looking import output_of
from tests.tune.support.doubles import EVERY, pipeline

SWEEP = f'''
"""Does it?"""
from ray import tune
from torch.optim import Adam

from segue import PPO, Builder, Evaluation, PipelineStage, Sweep, TrainingPipeline

EVERY = {EVERY}


{getsource(pipeline)}

sweep = Sweep(
    pipeline=pipeline,
    space={{
        "first_steps": 400,
        "lr": tune.loguniform(1e-5, 1e-2),
        "gae_lambda": tune.choice([0.9, 0.95]),
    }},
    points=[{{"lr": 1e-3, "gae_lambda": 0.9}}, {{"lr": 1e-4, "gae_lambda": 0.95}},
            {{"lr": 1e-2, "gae_lambda": 0.95}}, {{"lr": 3e-3, "gae_lambda": 0.9}}],
    trials=4,
    world="CartPole-v1",
    evaluation=Evaluation(every=EVERY),
    seeds=2,
    scheduler="asha",
)
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run: trial 0 is complete, 1 was interrupted in its second stage, 2 waits, and
    of 3, which is complete, a person ended a stage.
    """
    folder = tmp_path_factory.mktemp("place")
    file = folder / "sweeps" / "steered.py"
    file.parent.mkdir()
    file.write_text(SWEEP)
    sweep = load_sweep(file)
    assert isinstance(sweep.space, dict)
    run = RunDirectory(folder / "runs" / "steered")
    with open_run(run, sweep, "steered", source=file):
        record = StudyRecord(run.study, "steered", sweep.mode, SearchSpace.of(sweep.space))
        record.plan(sweep.planned())
        record.begin(0)
        record.complete(0, 1200, 1.0, {})
        record.begin(1)
        record._annotate(1, {"stages": {"of": 2, "ended_at": [400]}})
        record.report(1, 500, 0.5)
        record.begin(3)
        end = new_request("end_stage", trial=3, stage=0).recorded()
        record.record_stage_end(3, 0, "Ended by ann.", record.steered_by(3, end))
        record.complete(3, 900, 1.0, {})
        record.close()
    return folder


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(place)
    yield "runs/steered"
    for request in RunLayout(Path("runs/steered")).requests.glob("*"):
        request.unlink()


def requests(run: str) -> list[Request]:
    return waiting_requests(LocalRun(Path(run)))


def test_a_trial_is_stopped_and_a_stage_ended_by_requests(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = output_of(capsys, "trial", "stop", run, "1")
    assert "trial 1 stops at its next report." in printed
    assert "The sweep is not running: `segue run steered` applies it." in printed
    assert "stage 2 of trial 1 ends" in output_of(capsys, "trial", "end-stage", run, "1")
    stop, end = requests(run)
    assert (stop.action, stop.trial) == ("stop", 1)
    assert (end.action, end.trial, end.stage) == ("end_stage", 1, 1)
    assert "@" in stop.by and stop.name < end.name


def test_a_trial_is_added_with_typed_values(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = output_of(capsys, "add", run, "lr=2e-3", "gae_lambda=0.95")
    assert "a trial with lr=0.002, gae_lambda=0.95 is the next to be tried." in printed
    output_of(capsys, "add", run, "lr=2e-3", "--like", "0")
    whole, like = requests(run)
    assert whole.parameters == {"lr": 2e-3, "gae_lambda": 0.95}
    assert like.parameters == {"lr": 2e-3, "gae_lambda": 0.9}


def test_values_that_were_trained_in_another_way_are_added_again(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output_of(capsys, "add", run, "--like", "3", "lr=3e-3")
    assert requests(run)[0].parameters == {"lr": 3e-3, "gae_lambda": 0.9}
    changed = Path(shutil.copytree(run, tmp_path / "changed"))
    file = RunLayout(changed).definition
    known = json.loads(file.read_text())
    known["runs"][-1] |= {
        "changes": ["evaluation.episodes: 10 -> 20"],
        "started": "2126-01-01T00:00",
    }
    file.write_text(json.dumps(known))
    output_of(capsys, "add", str(changed), "lr=1e-3", "gae_lambda=0.9")


def test_a_running_sweep_is_paused_and_resumed_once(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(RunLayout(Path(run)).lock):
        printed = output_of(capsys, "pause", run)
        assert "each trial pauses at its next report" in printed and "applies it" not in printed
        assert "is paused already" in refusal(capsys, "pause", run)
    output_of(capsys, "resume", run)
    assert "is not paused" in refusal(capsys, "resume", run)
    assert [each.action for each in requests(run)] == ["pause", "resume"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("trial", "stop", "RUN", "0"), "Trial 0 of RUN is complete: there is nothing to stop."),
        (("trial", "stop", "RUN", "2"), "Trial 2 of RUN has not started"),
        (("trial", "stop", "RUN", "9"), "RUN has no trial 9: `segue show RUN` lists its trials."),
        (("trial", "end-stage", "RUN", "0"), "there is nothing to end a stage of."),
        (("trial", "stop", "runs/none", "0"), "runs/none is not a run directory"),
        (("add", "RUN"), "NAME=VALUE... is missing"),
        (("add", "RUN", "lr"), "NAME=VALUE... must be NAME=VALUE, such as lr=3e-4, got 'lr'."),
        (("add", "RUN", "lr=1e-3"), "'gae_lambda' is missing: give a value for each name"),
        (("add", "RUN", "lr=1e-3", "gae_lamda=0.9"), "'gae_lambda' is missing (got 'gae_lamda')"),
        (
            ("add", "RUN", "lr=3e-3", "gae_lambda=0.9", "gama=1"),
            "'gama' is not a name that the sweep searches there",
        ),
        (
            ("add", "RUN", "lr=1", "gae_lambda=0.9"),
            "'1' of 'lr' is not in the space: numbers from 1e-05 to 0.01",
        ),
        (("add", "RUN", "lr=fast", "gae_lambda=0.9"), "'fast' of 'lr' is not in the space"),
        (("add", "RUN", "lr=1e-3", "gae_lambda=0.9"), "Trial 0 of RUN has these values already"),
        (("add", "RUN", "lr=1e-3", "--like", "7"), "RUN has no trial 7"),
        (("pause", "RUN"), "RUN is not running: there is nothing to pause."),
        (("resume", "RUN"), "RUN is not paused"),
    ],
)
def test_wrong_names_and_values_are_refused_by_the_command(
    run: str, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    typed = [run if each == "RUN" else each for each in arguments]
    assert sentence.replace("RUN", run) in refusal(capsys, *typed)
    assert requests(run) == []


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence with which a command is refused."""
    with pytest.raises(SystemExit) as ended:
        segue(list(arguments))
    printed = capsys.readouterr()
    assert (ended.value.code, printed.err.count("\n")) == (REFUSED, 1), printed
    return printed.err
