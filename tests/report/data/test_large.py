"""A report of a thousand trials is quickly made, and small enough to be sent."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

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
    training = as_lines([trained(step) for step in range(20, 1220, 20)])
    others = []
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
        (directory / "results.jsonl").write_text(as_lines(rows))
        (directory / "metrics.jsonl").write_text(training)
        if number:
            others.append((params, dict(zip(steps, values, strict=True))))
            continue
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
    add_alike(path / "study.db", others)
    return path


def as_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def add_alike(study: Path, others: list[tuple[dict[str, float], dict[int, float]]]) -> None:
    """Add trials that are as the study's only one, but for their parameters and values.

    In one transaction: Optuna takes half a minute for a thousand.
    """
    with closing(sqlite3.connect(study)) as database, database:
        for number, (params, values) in enumerate(others, start=1):
            trial = number + 1
            database.execute(
                "insert into trials (number, study_id, state, datetime_start, datetime_complete)"
                " select ?, study_id, state, datetime_start, datetime_complete from trials"
                " where trial_id = 1",
                [number],
            )
            database.executemany(
                "insert into trial_params (trial_id, param_name, param_value, distribution_json)"
                " select ?, param_name, ?, distribution_json from trial_params"
                " where trial_id = 1 and param_name = ?",
                [(trial, value, name) for name, value in params.items()],
            )
            database.execute(
                "insert into trial_values (trial_id, objective, value, value_type)"
                " values (?, 0, ?, 'FINITE')",
                [trial, values[1200]],
            )
            database.executemany(
                "insert into trial_intermediate_values"
                " (trial_id, step, intermediate_value, intermediate_value_type)"
                " values (?, ?, ?, 'FINITE')",
                [(trial, step, value) for step, value in values.items()],
            )
            database.execute(
                "insert into trial_user_attributes (trial_id, key, value_json)"
                " select ?, key, value_json from trial_user_attributes where trial_id = 1",
                [trial],
            )


@pytest.mark.slow
def test_a_thousand_trials(large: Path) -> None:
    began = time.process_time()
    summary = read_summary(large)
    write_report(summary, large / "report.html")
    assert time.process_time() - began < SECONDS
    assert [len(trial.intermediate_values) for trial in summary.trials] == [REPORTS] * TRIALS
    assert (large / "report.html").stat().st_size < MEGABYTES * 1e6
