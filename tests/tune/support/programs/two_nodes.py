"""`python -m tests.tune.support.programs.two_nodes RUN TRIAL`: a freeze-thaw sweep on two nodes
with one worker, whose node is killed when the trial of that directory begins.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from segue.plan.sweeps.evaluation import Evaluation
from segue.tune.drive import run_sweep
from segue.tune.options.options import Options
from segue.tune.worker.one import train_one
from tests.tune.support.clusters import SECONDS
from tests.tune.support.doubles import EVERY, MIXED, make_sweep

TRIALS = 12
SWEEP = make_sweep(
    space=MIXED,
    trials=TRIALS,
    search="freeze_thaw",
    scheduler=None,
    seeds=1,
    seed=1,
    lanes=2,
    evaluation=Evaluation(every=EVERY, episodes=4, max_episode_steps=50),
    max_env_steps=6 * 1200,
    concurrency=1,
)


def noting_its_node(*arguments: Any, **keywords: Any) -> None:
    """Train a trial, after it is written down on which node. The one that loses its node waits for
    that, the first time.
    """
    directory: Path = arguments[2]
    directory.mkdir(parents=True, exist_ok=True)
    nodes = directory / "nodes"
    is_first = not nodes.exists()
    with nodes.open("a") as file:
        file.write(ray.get_runtime_context().get_node_id() + "\n")
    if is_first and (directory.parents[2] / f"loses-{directory.name}").exists():
        time.sleep(SECONDS)
    train_one(*arguments, **keywords)


@contextmanager
def losing_one_of_two(run: Path, trial: str) -> Iterator[str]:
    """A head without processors and two nodes; the one at which the trial begins is killed."""
    (run.parent / f"loses-{trial}").touch()
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

    def lose() -> None:
        noted = run / "trials" / trial / "nodes"
        while not (noted.exists() and noted.read_text().endswith("\n")):
            time.sleep(0.02)
        trains = noted.read_text().split()[-1]
        cluster.remove_node(
            next(node for node in nodes if node.node_id == trains), allow_graceful=False
        )
        print("a node was lost", flush=True)

    threading.Thread(target=lose, daemon=True).start()
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    with losing_one_of_two(directory, sys.argv[2]) as address:
        run_sweep(SWEEP, "double", directory, Options(address=address), runner=noting_its_node)
