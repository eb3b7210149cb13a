"""The program of a driver in a separate process, which a test can kill."""

import faulthandler
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from optuna.trial import FrozenTrial
from ray import cloudpickle
from ray._raylet import Config

from segue.base.files import append_row
from segue.store.study_storage import StudyStorage
from segue.tune.cluster import session
from segue.tune.drive import run_sweep
from segue.tune.options.options import Options
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import has_failed
from tests.alembic_once import run_alembic_once
from tests.tune.support import doubles, side_by_side, steered

SECONDS = 600  # within which a driver ends, however busy the machine
OF_THE_SWEEP = ("trials", "concurrency", "scheduler", "report_timeout_s")
OF_THE_RUNNER = ("seconds", "dies_at", "hangs", "teardown")


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


def kill_around(action: str, moment: str) -> None:
    """Kill this process "before" or "after" the study's file has the record of a person's request.

    The record is committed in the transaction of the request's effect, by one of these methods;
    Optuna's cache in front of the storage calls the first.
    """

    def killing(write: Callable[..., Any]) -> Callable[..., Any]:
        def written(*arguments: Any, **keywords: Any) -> Any:
            is_record = f"'action': '{action}'" in repr([_recorded(each) for each in arguments])
            if is_record and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = write(*arguments, **keywords)
            if is_record:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return written

    for name in ("_create_new_trial", "set_trial_user_attrs", "set_study_user_attr"):
        setattr(StudyStorage, name, killing(getattr(StudyStorage, name)))


def _recorded(argument: Any) -> Any:
    """Return what a storage is to write: of a new trial, its attributes."""
    return argument.user_attrs if isinstance(argument, FrozenTrial) else argument


def log_verdicts(path: Path) -> None:
    """Append each evaluated report to a file, in the order of evaluation."""
    original = StudyScheduler.on_trial_result

    def logged(
        scheduler: StudyScheduler, controller: Any, trial: Any, result: dict[str, Any]
    ) -> str:
        number = trial.config["trial"]
        judged = not has_failed(result) and not scheduler._record.has_verdict(
            number, result["env_steps"]
        )
        verdict = original(scheduler, controller, trial, result)
        if judged:
            standing = scheduler._record.stages(number).standing(result["env_steps"])
            row = {
                "trial": number,
                "verdict": verdict,
                "final": result["final"],
                "return": result["return"],
            }
            append_row(
                path, row | {"env_steps": result["env_steps"], "training_iteration": 1} | standing
            )
        return verdict

    StudyScheduler.on_trial_result = logged  # type: ignore[method-assign]


def main(
    run: Path, options: dict[str, Any], environment: dict[str, str], output: tuple[Path, Path]
) -> None:
    """Run the sweep of the doubles in a process that was just forked; print how it ended."""
    os.setsid()
    for path, stream in zip(output, (sys.stdout, sys.stderr), strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream.fileno())
    faulthandler.dump_traceback_later(SECONDS - 20)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    run_alembic_once()
    cloudpickle.register_pickle_by_value(doubles)
    cloudpickle.register_pickle_by_value(side_by_side)
    cloudpickle.register_pickle_by_value(steered)
    with connected(options.get("ray")):
        drive(run, options)
    sys.stdout.flush()


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Use the Ray at an address; none without one, so that the sweep starts its own."""
    if not address:
        yield
        return
    Config.initialize("")  # the mode and the path of the token are the new environment's
    with session._on_loopback():  # as the tests' Ray is; not when this process's parent began
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        try:
            yield
        finally:
            ray.shutdown()


def drive(run: Path, asked: dict[str, Any]) -> None:
    if "kill_at" in asked:
        kill_at(*asked["kill_at"])
    if "kill_around" in asked:
        kill_around(*asked["kill_around"])
    if asked.get("log"):
        log_verdicts(run / "judged.jsonl")
    sweep = doubles.driven_sweep(**{name: asked[name] for name in OF_THE_SWEEP if name in asked})
    given = {name: asked[name] for name in OF_THE_RUNNER if name in asked}
    runner = doubles.make_runner(fails_at=doubles.FAILS_AT, **given)
    if "rows" in asked:
        sweep = side_by_side.side_by_side(Path(asked["mark"]), rows=asked["rows"])
        runner = None
    if asked.get("steered"):
        sweep = steered.steered_sweep()
        runner = None
    how = Options(
        address=asked.get("address"),
        log_to=tuple(asked.get("log_to", ())),
        notify=asked.get("notify"),
    )
    result = run_sweep(sweep, "double", run, how, runner=runner)
    print(result.problem or f"interrupted by {result.interrupted_by}")


if __name__ == "__main__":
    run_alembic_once()
    cloudpickle.register_pickle_by_value(doubles)
    drive(Path(sys.argv[1]), json.loads(sys.argv[2]))
