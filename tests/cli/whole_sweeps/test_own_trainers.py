"""A sweep with a trainer of its own: killed, resumed, pruned, and used by every command."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from segue.cli.app import REFUSED, segue
from tests.looking import driver, output_of, trials
from tests.tune.support.drivers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.usefixtures("cluster")]
NAME = "walks"
RUN = "runs/walks"
SWEEP = '''
"""Which step leads furthest?"""

import json
import time

import torch
from ray import tune

from segue import Signal, Sweep

EVERY = 100


def train(trial):
    """Random walks, one for each seed, whose drift the space has."""
    walks = [torch.Generator().manual_seed(seed) for seed in trial.seeds]
    at = torch.zeros(len(walks))
    if trial.resumed_from is not None:
        at = trial.resumed_from["at"]
        for walk, state in zip(walks, trial.resumed_from["walks"]):
            walk.set_state(state)
    with (trial.directory / "attempts.jsonl").open("a") as attempts:
        attempts.write(json.dumps([trial.env_steps, trial.stage]) + "\\n")
    while not trial.should_stop:
        time.sleep(0.05)
        at = at + trial.parameters["drift"] * (trial.stage + 1)
        at = at + torch.stack([torch.randn((), generator=walk) for walk in walks]) / 10
        trial.report(
            trial.env_steps + EVERY,
            {"spread": at.std(correction=0)},
            per_seed=at.tolist(),
            checkpoint={"at": at, "walks": [walk.get_state() for walk in walks]},
        )


sweep = Sweep(
    trainer=train,
    steps=lambda first: (first, 1_200 - first),
    space={
        "drift": tune.grid_search([0.0, 1.0, 0.1, 0.8, 0.2, 0.6]),
        "first": tune.grid_search([400]),
    },
    seeds=2,
    scheduler="stage_asha",
    concurrency=1,
)
'''


STABLE_BASELINES3 = """
import gymnasium
from ray import tune

from segue import Sweep

TRAINER


sweep = Sweep(
    trainer=partial(train_sb3, algorithm=PPO),
    steps=(128, 256),
    space={
        "learning_rate": tune.grid_search([3e-4, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4]),
        "n_steps": 32,
        "batch_size": 32,
    },
    world="CartPole-v1",
    evaluation=Evaluation(every=64, episodes=3),
    scheduler="stage_asha",
    concurrency=1,
)
"""
GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "own-trainers.md"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sweeps, in which commands are given."""
    block = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)[1]
    trainer = block.split("\n\nppo = Sweep(")[0]
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / f"{NAME}.py").write_text(SWEEP)
    (tmp_path / "sweeps" / "sb3.py").write_text(STABLE_BASELINES3.replace("TRAINER", trainer))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(run: str, number: int) -> list[dict[str, Any]]:
    path = Path(run, "trials", f"{number:04d}", "results.jsonl")
    return [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []


def attempts_of(number: int) -> list[list[int]]:
    lines = Path(RUN, "trials", f"{number:04d}", "attempts.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_trainer_is_swept_resumed_and_used(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    described = output_of(capsys, "run", NAME, "--describe")
    assert "trainer       train" in described
    assert "budget        at most 14,400 environment steps" in described
    assert "  stage 2 of 2: 800 steps" in described

    with driver(NAME) as process:
        wait_for(lambda: len(rows_of(RUN, 1)) >= 3 or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
    output_of(capsys, "run", NAME)
    known = {trial.number: trial for trial in trials(RUN)}
    assert {trial.state for trial in known.values()} == {"complete", "pruned"}
    assert known[1].state == "complete" and len(known) == 6
    (first, second) = attempts_of(1)
    assert first == [0, 0] and second[0] >= 200
    for number, trial in known.items():  # also the one that was resumed
        again = output_of(capsys, "rerun", RUN, "--trial", str(number))
        assert "Equal: all" in again, (trial, again)
    assert [row["env_steps"] for row in rows_of(RUN, 1)] == list(range(100, 1_300, 100))

    shown = output_of(capsys, "show", RUN, "--trial", "1")
    assert "2 stages, 1,200 steps, trained by train" in shown
    assert re.search(r"^ +1 +complete ", output_of(capsys, "show", RUN), re.MULTILINE)
    assert list(Path(RUN, "trials", "0001").glob("events.out.tfevents.*"))
    assert "Trial 1: return" in Path(RUN, "report.html").read_text()

    output_of(capsys, "retrain", RUN, "--top", "1", "--seeds", "3")
    best = json.loads(Path(RUN, "best.json").read_text())
    assert (best["trial"], best["steps"], best["trainer"]) == (1, [400, 800], "train")
    assert len(best["held_out"]["per_seed"]) == 3 and Path(RUN, best["checkpoint"]).exists()
    finished = subprocess.run(
        [sys.executable, "best.py"], cwd=RUN, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("return ")

    with pytest.raises(SystemExit) as refused:
        segue(["play", RUN])
    assert refused.value.code == REFUSED
    assert "was trained by a trainer of the sweep's own" in capsys.readouterr().err


def test_stable_baselines3_is_swept_in_stages_and_resumed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("stable_baselines3")
    run = "runs/sb3"
    with driver("sb3") as process:
        wait_for(lambda: len(rows_of(run, 0)) >= 3 or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
    before = rows_of(run, 0)
    output_of(capsys, "run", "sb3")
    known = {trial.number: trial for trial in trials(run)}
    assert {trial.state for trial in known.values()} == {"complete", "pruned"}
    assert known[0].state == "complete"  # it was resumed, and the first is not compared
    assert rows_of(run, 0)[:2] == before[:2]
    assert [row["env_steps"] for row in rows_of(run, 0)] == list(range(64, 385, 64))
    assert [row["env_steps"] for row in rows_of(run, 0) if row["stage_done"]] == [128, 384]
    assert (place / run / "trials" / "0000" / "model.zip").exists()
