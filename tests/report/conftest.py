"""Runs to look at: made by the study's own writer, without Ray."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.base.files import write_rows
from segue.tune.cluster.session import suppress_ray_warnings
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from tests.tune.support.doubles import EVERY, learning_curve, make_sweep
from tests.tune.support.fake_tune import FakeTune, open_record

TRIALS = 8

MakeRun = Callable[..., Path]


@pytest.fixture(autouse=True)
def silent_optuna() -> Iterator[None]:
    with suppress_ray_warnings():
        yield


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that makes a run with so many ended trials of a sweep."""
    return lambda ended=TRIALS, **fields: make(tmp_path / "run", ended, **fields)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with suppress_ray_warnings():
        return make(tmp_path_factory.mktemp("made") / "run", TRIALS)


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """Eight trials of a grid of sixteen; one of them was interrupted."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def make(path: Path, ended: int, **fields: Any) -> Path:
    """Make a run in which `ended` trials have ended, and the next one, if any, was interrupted.

    An earlier run in the directory continues; its sweep may have changed.
    """
    sweep = make_sweep(**fields)
    run = RunDirectory(path)
    with open_run(run, sweep, "double", source=Path(__file__), accept_changes=True):
        record = open_record(path, sweep)
        FakeTune(record, sweep, ended, {}).run()
        if ended < len(record):
            record.begin(ended)
            record.report(ended, EVERY, 0.1)
        for trial in record.trials[: ended + 1]:
            parameters = record.parameters(trial.number)
            directory = path / "trials" / f"{trial.number:04d}"
            directory.mkdir(parents=True, exist_ok=True)
            steps = sorted(trial.intermediate_values)
            write_rows(
                directory / "results.jsonl",
                [learning_curve(sweep, parameters, step) for step in steps],
            )
            write_rows(directory / "metrics.jsonl", [trained(step) for step in steps])
            (directory / "trial.json").write_text(
                json.dumps({"text": sweep.at(parameters).pipeline.to_text()})
            )
        record.close()
    return path


def trained(step: int) -> dict[str, Any]:
    """What a log says of an interval of a hundred steps of each of two seeds, which took half a
    second.
    """
    return {
        "env_steps": step,
        "total_env_steps": 2 * step,
        "train-misc/fps": 400.0,
        "train-misc/stage": 0.0,
    }
