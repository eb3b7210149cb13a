"""The code of the guide on own trainers runs as it stands, and its trainers train."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.record.files.results import read_results
from segue.train import Trial, run_trainer
from segue.tune.code.sweep_file import load_sweep

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "guides" / "own-trainers.md"


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


@pytest.mark.slow
def test_the_loop_of_pytorch_learns(blocks: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": PAGE.stem}
    exec(compile(blocks[0], str(PAGE), "exec"), names)
    assert float(capsys.readouterr().out) > 15


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_stable_baselines3_is_reported_and_resumes(
    blocks: list[str], algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("stable_baselines3")
    names: dict[str, Any] = {"__name__": PAGE.stem}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    small = {"buffer_size": 500} if algorithm == "sac" else {}
    check_resumes(names[algorithm], {"learning_rate": 3e-4, **small}, [0], tmp_path, monkeypatch)
    assert (tmp_path / "model.zip").exists()


@pytest.mark.slow
def test_the_sweep_of_sac_resumes_all_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("stable_baselines3")
    sweep = load_sweep(ROOT / "sweeps" / "sb3_sac.py")
    check_resumes(sweep, {"batch_size": 16}, [1, 2], tmp_path, monkeypatch)


def check_resumes(
    sweep: Sweep,
    parameters: dict[str, Any],
    seeds: list[int],
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Train a trial of 300 steps that is lost after 200, and again to its end."""
    assert sweep.trainer is not None
    run = partial(
        run_trainer,
        sweep.trainer,
        parameters,
        directory,
        steps=300,
        seeds=seeds,
        world=sweep.world,
        evaluation=Evaluation(every=100, episodes=1),
    )
    report = Trial.report

    def lost(trial: Trial, *arguments: Any, **keywords: Any) -> None:
        report(trial, *arguments, **keywords)
        if trial.env_steps == 200:
            raise ConnectionError("lost")

    with monkeypatch.context() as patched, pytest.raises(ConnectionError):
        patched.setattr(Trial, "report", lost)
        run()
    run()
    rows = read_results(directory / "results.jsonl", "return").rows
    assert [row["env_steps"] for row in rows] == [100, 200, 300]
    assert [len(row["metric_per_seed"]) for row in rows] == [len(seeds)] * 3
