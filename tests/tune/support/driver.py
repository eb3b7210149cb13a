"""A driver in a process of its own, which a test can kill: `python driver.py RUN OPTIONS`."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle
from ray.cluster_utils import Cluster

from segue.base.files import append_row
from segue.tune.drive import run_sweep
from segue.tune.options import Options
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import has_failed
from tests.tune.support import doubles


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


def log_verdicts(path: Path) -> None:
    """Append each judged report to a file, in the order in which they were judged."""
    original = StudyScheduler.on_trial_result

    def logged(
        scheduler: StudyScheduler, controller: Any, trial: Any, result: dict[str, Any]
    ) -> str:
        number = trial.config["trial"]
        judged = not has_failed(result) and not scheduler._record.is_judged(
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


@contextmanager
def losing_a_node(run: Path) -> Iterator[str]:
    """A cluster of a head without processors and two nodes, of which the one that trains is killed
    once.
    """
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

    def lose() -> None:
        while not (run / "trials" / "0002" / "executed.jsonl").exists():
            time.sleep(0.05)
        trains = (run / "node").read_text()
        cluster.remove_node(
            next(node for node in nodes if node.node_id == trains), allow_graceful=False
        )

    thread = threading.Thread(target=lose, daemon=True)
    thread.start()
    try:
        yield cluster.address
        thread.join(timeout=30)
        print("a node was lost" if not thread.is_alive() else "no node was lost")
    finally:
        cluster.shutdown()


def noting_its_node(runner: Callable[..., None], run: Path) -> Callable[..., None]:
    """The runner, which first writes down on which node it is."""

    def noting(*arguments: Any, **keywords: Any) -> None:
        (run / "node").write_text(ray.get_runtime_context().get_node_id())
        runner(*arguments, **keywords)

    return noting


def main(run: str, options: str) -> None:
    asked = json.loads(options)
    cloudpickle.register_pickle_by_value(doubles)
    if "kill_at" in asked:
        kill_at(*asked["kill_at"])
    if asked.get("log"):
        log_verdicts(Path(run) / "judged.jsonl")
    sweep = doubles.make_sweep(
        trials=asked.get("trials", 18),
        concurrency=asked.get("concurrency", 1),
        scheduler=asked.get("scheduler", "asha"),
        report_timeout_s=asked.get("report_timeout_s", "auto"),
    )
    given = {
        name: asked[name] for name in ("seconds", "dies_at", "hangs", "teardown") if name in asked
    }
    runner = doubles.make_runner(fails_at=doubles.FAILS_AT, **given)
    if asked.get("lose_a_node"):
        runner = noting_its_node(runner, Path(run))
    with (
        losing_a_node(Path(run)) if asked.get("lose_a_node") else nullcontext(asked.get("address"))
    ) as address:
        how = Options(
            address=address, log_to=tuple(asked.get("log_to", ())), notify=asked.get("notify")
        )
        result = run_sweep(sweep, "double", Path(run), how, runner=runner)
    print(result.problem or f"interrupted by {result.interrupted_by}")


if __name__ == "__main__":
    main(*sys.argv[1:])
