"""A report of a thousand trials is quickly made, and small enough to be sent."""

import json
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from segue.report.data.summary import read_summary
from segue.report.page.page import write_report
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.study.storage import disk_storage
from tests.report.conftest import trained
from tests.tune.support.doubles import EVERY, make_sweep

TRIALS = 1_000
REPORTS = 12
PARAMETERS = 5
SECONDS = 20
MEGABYTES = 15


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A thousand complete trials of five parameters, two seeds, twelve reports and two stages."""
    path = tmp_path / "run"
    generator = np.random.default_rng(0)
    with open_run(RunDirectory(path), make_sweep(), "double"):
        study = optuna.create_study(
            storage=disk_storage(path / "study.db"), study_name="double", direction="maximize"
        )
    steps = [EVERY * index for index in range(1, REPORTS + 1)]
    for number in range(TRIALS):
        params = {f"parameter_{name}": float(generator.uniform()) for name in range(PARAMETERS)}
        values = (
            np.linspace(0, 1, REPORTS) * sum(params.values()) + generator.normal(0, 0.1, REPORTS)
        ).tolist()
        rows = [
            {
                "return": value,
                "metric_per_seed": [value - 0.1, value + 0.1],
                "env_steps": step,
                "total_env_steps": 2 * step,
                "stage": int(step > 400),
                "stage_done": step in (400, 1200),
            }
            for step, value in zip(steps, values, strict=True)
        ]
        directory = RunDirectory(path).trial(number).path
        directory.mkdir(parents=True)
        for name, written in (
            ("results", rows),
            ("metrics", [trained(step) for step in range(20, 1220, 20)]),
        ):
            (directory / f"{name}.jsonl").write_text(
                "".join(json.dumps(row) + "\n" for row in written)
            )
        attributes = {
            "env_steps": 1200,
            "total_env_steps": 2400,
            "stage": 2,
            "return_per_seed": rows[-1]["metric_per_seed"],
        }
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                value=values[-1],
                params=params,
                distributions=dict.fromkeys(params, FloatDistribution(0, 1)),
                intermediate_values=dict(zip(steps, values, strict=True)),
                user_attrs={**attributes, "stages": {"of": 2, "ended_at": [400, 1200]}},
            )
        )
    return path


@pytest.mark.slow
def test_a_thousand_trials(large: Path) -> None:
    began = time.process_time()
    write_report(read_summary(large), large / "report.html")
    assert time.process_time() - began < SECONDS
    assert (large / "report.html").stat().st_size < MEGABYTES * 1e6
