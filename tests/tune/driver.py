"""A driver in a process of its own, which a test can kill: `python driver.py RUN OPTIONS`."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ray import cloudpickle

from segue.tune.drive import Options, run_sweep
from segue.tune.study import StudyRecord
from tests.tune import doubles


def kill_at(method: str, passage: int) -> None:
    """Kill this process before the n-th call of a method of the study."""
    original = getattr(StudyRecord, method)
    passages = 0

    def counted(*arguments: Any, **keywords: Any) -> Any:
        nonlocal passages
        passages += 1
        if passages == passage:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **keywords)

    setattr(StudyRecord, method, counted)


def main(run: str, options: str) -> None:
    asked = json.loads(options)
    cloudpickle.register_pickle_by_value(doubles)
    if "kill_at" in asked:
        kill_at(*asked["kill_at"])
    result = run_sweep(
        doubles.make_sweep(trials=asked.get("trials", 18), concurrency=asked.get("concurrency", 1)),
        "double",
        Path(run),
        Options(address=asked.get("address")),
        runner=doubles.make_runner(
            seconds=asked.get("seconds", 0.0), fails_at={"lr": 3e-3, "gae_lambda": 0.8}, dies_at=asked.get("dies_at")
        ),
    )
    print("interrupted by", result.interrupted_by)


if __name__ == "__main__":
    main(*sys.argv[1:])
