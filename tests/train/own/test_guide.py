"""The code of the guide on own trainers runs as it stands, and its trainers train."""

import re
from pathlib import Path
from typing import Any

import pytest

from segue.plan.sweeps.evaluation import Evaluation
from segue.record.results import read_results
from segue.train import Trial, run_trainer

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "own-trainers.md"


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


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
    sweep = names[algorithm]
    parameters = {"learning_rate": 3e-4, **({"buffer_size": 500} if algorithm == "sac" else {})}
    given = {"world": sweep.world, "evaluation": Evaluation(every=100, episodes=1), "steps": 300}
    report = Trial.report

    def lost(trial: Trial, *arguments: Any, **keywords: Any) -> Any:
        if report(trial, *arguments, **keywords) and trial.env_steps == 200:
            raise ConnectionError("lost")

    with monkeypatch.context() as patched, pytest.raises(ConnectionError):
        patched.setattr(Trial, "report", lost)
        run_trainer(sweep.trainer, parameters, tmp_path, **given)
    run_trainer(sweep.trainer, parameters, tmp_path, **given)
    rows = read_results(tmp_path / "results.jsonl", "return").rows
    assert [row["env_steps"] for row in rows] == [100, 200, 300]
    assert (tmp_path / "model.zip").exists()
