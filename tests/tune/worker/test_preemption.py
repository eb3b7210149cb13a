"""SIGTERM at a worker, as when a spot machine is taken away: the trial checkpoints, and resumes in
another process.
"""

import io
import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray import cloudpickle
from rich.console import Console

from segue.base.files import read_rows
from segue.tune.code.sweep_file import load_sweep
from segue.tune.drive import run_sweep
from segue.tune.worker.one import train_one
from tests.sweep_files import REAL
from tests.tune.support.drivers import wait_for
from tests.tune.worker import test_preemption

LONG = (
    REAL.replace("save_interval=512", "save_interval=None")
    .replace("1024", "40_960")
    .replace("every=512", "every=4_096")
)


def noting_its_process(*arguments: Any, **keywords: Any) -> None:
    directory: Path = arguments[2]
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "processes").open("a") as file:
        file.write(f"{os.getpid()}\n")
    train_one(*arguments, **keywords)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_preempted_worker_loses_no_step(tmp_path: Path) -> None:
    cloudpickle.register_pickle_by_value(test_preemption)
    (tmp_path / "mine.py").write_text(LONG)
    sweep = replace(load_sweep(tmp_path / "mine.py"), trials=1, seeds=1)
    for run, is_disturbed in (("whole", False), ("disturbed", True)):
        trial = tmp_path / run / "trials" / "0000"

        def disturb(trial: Path = trial) -> None:
            wait_for(lambda: len(read_rows(trial / "results.jsonl")) >= 3)
            os.kill(int((trial / "processes").read_text()), signal.SIGTERM)

        thread = threading.Thread(target=disturb, daemon=True)
        if is_disturbed:
            thread.start()
        run_sweep(
            sweep,
            "mine",
            tmp_path / run,
            console=Console(file=io.StringIO()),
            runner=noting_its_process,
        )
    whole, disturbed = (tmp_path / run / "trials" / "0000" for run in ("whole", "disturbed"))
    assert not thread.is_alive()
    assert len(set((disturbed / "processes").read_text().split())) == 2
    assert (
        "This process was requested to end: a checkpoint is stored at"
        in (disturbed / "log.txt").read_text()
    )
    assert read_rows(disturbed / "results.jsonl") == read_rows(whole / "results.jsonl")
    trained = [
        [json.loads(line)["env_steps"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (whole, disturbed)
    ]
    assert trained[0] == trained[1], "nothing was trained twice"
