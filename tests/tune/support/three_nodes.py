"""`python -m tests.tune.support.three_nodes RUN`: a short weaning sweep on three nodes, one of
which is killed as it trains.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.cluster_utils import Cluster

from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.tune.drive import run_sweep
from segue.tune.options import Options
from segue.tune.run.sweep_file import load_sweep
from segue.tune.worker.one import train_one

SHORT = 12_288


def short_weaning() -> Sweep:
    """The sweep of `sweeps/wean_to_ppo.py` with a tenth of its steps, one seed and every trial to
    its end.
    """
    sweep = load_sweep(Path(__file__).parents[3] / "sweeps" / "wean_to_ppo.py")
    sys.modules[sweep.pipeline.__module__].TOTAL_STEPS = SHORT  # type: ignore[attr-defined]
    return replace(
        sweep,
        space={**sweep.space, "imitation_steps": tune.choice([4_096, 6_144])},  # type: ignore[dict-item]
        evaluation=Evaluation(every=2_048, episodes=4, max_episode_steps=400),
        trials=4,
        seeds=1,
        lanes=8,
        scheduler=None,
        search="random",
    )


def noting_its_node(*arguments: Any, **keywords: Any) -> None:
    """Train a trial, after it is written down on which node."""
    directory: Path = arguments[2]
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "nodes").open("a") as file:
        file.write(ray.get_runtime_context().get_node_id() + "\n")
    train_one(*arguments, **keywords)


@contextmanager
def losing_one_of_three(run: Path) -> Iterator[str]:
    """A head without processors and two nodes; the one that trains trial 1 is killed after the
    trial's first stage.
    """
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

    def lose() -> None:
        results = run / "trials" / "0001" / "results.jsonl"
        while not (
            results.exists() and '"stage_done":true' in results.read_text().replace(" ", "")
        ):
            time.sleep(0.02)
        trains = (results.parent / "nodes").read_text().split()[-1]
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
    with losing_one_of_three(directory) as address:
        run_sweep(
            short_weaning(),
            "wean_to_ppo",
            directory,
            Options(address=address),
            runner=noting_its_node,
        )
