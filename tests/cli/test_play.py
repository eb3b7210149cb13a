"""`segue play` on a trial that was trained without Ray."""

from pathlib import Path

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta

from segue.base.lock import locked
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import RunLayout
from segue.record.study.attributes import DIRECTORY
from segue.train import run_trial
from segue.tune.code.sweep_file import load_sweep
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.search.domains import SearchSpace
from segue.tune.study.record import StudyRecord
from segue.tune.worker.one import described_spec
from tests.cli.test_steer import refusal
from tests.looking import output_of

SWEEP = '''
"""How does it act?"""
from ray import tune
from torch import optim

from segue import PPO, Builder, Evaluation, Mlp, PipelineStage, Sweep, TrainingPipeline


def pipeline(lr):
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=128)],
        optimizer_builder=Builder(optim.Adam, {"lr": lr}),
        num_mini_batch=1,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=16,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=128,
        metric_accumulate_interval=128,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={"lr": tune.grid_search([1e-3])},
    world="CartPole-v1",
    evaluation=Evaluation(every=128, episodes=2, greedy=False, max_episode_steps=5),
    policy=Mlp((8,)),
    seeds=2,
)
'''


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run with one complete trial."""
    file = tmp_path / "sweeps" / "played.py"
    file.parent.mkdir()
    file.write_text(SWEEP)
    sweep = load_sweep(file)
    assert isinstance(sweep.space, dict)
    directory = RunDirectory(tmp_path / "runs" / "played")
    with open_run(directory, sweep, "played", source=file):
        record = StudyRecord(directory.study, "played", sweep.mode, SearchSpace.of(sweep.space))
        record.plan(sweep.planned())
        record.begin(0)
        _train(sweep, directory, record)
        record.close()
    monkeypatch.chdir(tmp_path)
    return "runs/played"


def _train(sweep: Sweep, directory: RunDirectory, record: StudyRecord) -> None:
    path = directory.trial(0).path
    row = run_trial(described_spec(sweep, record.parameters(0), path, None, "cpu"), path)
    record.complete(0, row["env_steps"], row["return"], {DIRECTORY: "trials/0000"})


def test_episodes_are_cut_and_actions_chosen_as_in_the_evaluation(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    played = output_of(capsys, "play", run, "--record", "agent.gif", "--recorded-episodes", "2")
    assert "Trial 0 after 128 steps, 20 held-out episodes per member, sampled actions:" in played
    assert _lengths(played) == [5.0, 5.0]
    assert "Video: agent.gif" in played and "10 frames" in played
    assert "most probable actions:" in output_of(capsys, "play", run, "--greedy")


def _lengths(played: str) -> list[float]:
    return [
        float(line.split()[2]) for line in played.splitlines() if line.strip()[:2] in ("0 ", "1 ")
    ]


def test_the_video_is_an_artifact_of_the_study(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    attached = ("play", run, "--episodes", "1", "--record", "agent.gif", "--attach")
    for _ in range(2):  # the second replaces the first
        printed = output_of(capsys, *attached)
    assert "optuna-dashboard sqlite:///runs/played/study.db --artifact-dir runs/played/a" in printed
    study = optuna.load_study(study_name="played", storage=f"sqlite:///{run}/study.db")
    (meta,) = get_all_artifact_meta(study)
    assert (meta.filename, meta.mimetype) == ("agent.gif", "image/gif")
    (stored,) = Path(run, "artifacts").iterdir()
    assert stored.name == meta.artifact_id
    assert stored.read_bytes() == Path("agent.gif").read_bytes()
    with locked(RunLayout(Path(run)).lock):
        assert "is running: attach the video once" in refusal(capsys, *attached)
    assert "--attach needs a video" in refusal(capsys, "play", run, "--attach")
