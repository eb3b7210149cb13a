"""A sweep with a trainer of its own: killed, resumed, pruned, and used by every command."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

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
        time.sleep(0.02)
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


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sweep, in which commands are given."""
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / f"{NAME}.py").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


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

    results = place / RUN / "trials" / "0001" / "results.jsonl"
    with driver(NAME) as process:
        reports = lambda: results.read_text().count("\n") if results.exists() else 0  # noqa: E731
        wait_for(lambda: reports() >= 3 or process.poll() is not None)
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
    rows = results.read_text().splitlines()
    assert [json.loads(row)["env_steps"] for row in rows] == list(range(100, 1_300, 100))

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
