"""`python -m tests.tune.support.programs.three_nodes RUN`: a short weaning sweep on three nodes,
one of which is killed with two trials at its worker.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import ray
from ray import tune
from ray.cluster_utils import Cluster

from segue import EarlyStoppingCriterion, PipelineStage, ScalarMeanTracker, TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import RunLayout
from segue.tune.code.sweep_file import load_sweep
from segue.tune.drive import run_sweep
from segue.tune.options.options import Options

SHORT = 12_288
NODE = "Node: "


@dataclass(frozen=True)
class HeldUntil(EarlyStoppingCriterion):
    """Never ends a stage; holds its worker until a file exists."""

    file: str

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        while not Path(self.file).exists():
            time.sleep(0.02)
        return False


def short_weaning(go: Path) -> Sweep:
    """The sweep of `sweeps/wean_to_ppo.py` with a tenth of its steps, one seed and every trial to
    its end; the second stage waits for the file `go`, and each attempt prints its node.
    """
    sweep = load_sweep(Path(__file__).parents[4] / "sweeps" / "wean_to_ppo.py")
    sys.modules[sweep.pipeline.__module__].TOTAL_STEPS = SHORT  # type: ignore[attr-defined]
    original = sweep.pipeline

    def pipeline(
        imitation_steps: int, forced_share: float, value_weight: float, gae_lambda: float, lr: float
    ) -> TrainingPipeline:
        if ray.is_initialized():
            print(NODE + ray.get_runtime_context().get_node_id())
        made = original(imitation_steps, forced_share, value_weight, gae_lambda, lr)
        imitation, ppo = made.pipeline_stages
        held = PipelineStage(
            ppo.loss_name,
            max_stage_steps=ppo.max_stage_steps,
            early_stopping_criterion=HeldUntil(str(go)),
            metric_accumulate_interval=1_024,
        )
        return TrainingPipeline(
            made.named_losses, [imitation, held], made.optimizer_builder, training_settings=made
        )

    return replace(
        sweep,
        pipeline=pipeline,
        space={**sweep.space, "imitation_steps": tune.choice([4_096, 6_144])},  # type: ignore[dict-item]
        evaluation=Evaluation(every=2_048, episodes=4, max_episode_steps=400),
        trials=4,
        seeds=1,
        lanes=8,
        rows=2,
        scheduler=None,
        search="random",
    )


def nodes_of(log: str) -> list[str]:
    """The nodes of a trial's attempts, in order, from its log."""
    return [line.removeprefix(NODE) for line in log.splitlines() if line.startswith(NODE)]


@contextmanager
def losing_one_of_three(run: Path, lost: Path) -> Iterator[str]:
    """A head without processors and two nodes; one is killed as soon as a trial at its worker
    has ended its first stage. The file `lost` then holds its identifier.
    """
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    nodes = {node.node_id: node for node in (cluster.add_node(num_cpus=1) for _ in range(2))}

    def lose() -> None:
        trial = None
        while trial is None:
            time.sleep(0.02)
            trial = next(filter(_has_ended_a_stage, RunLayout(run).trials.glob("*")), None)
        (trains,) = nodes_of((trial / "log.txt").read_text())
        cluster.remove_node(nodes[trains], allow_graceful=False)
        lost.write_text(trains)

    threading.Thread(target=lose, daemon=True).start()
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def _has_ended_a_stage(trial: Path) -> bool:
    results = trial / "results.jsonl"
    return results.exists() and '"stage_done":true' in results.read_text().replace(" ", "")


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    found = directory.with_name("lost")
    with losing_one_of_three(directory, found) as address:
        run_sweep(short_weaning(found), "wean_to_ppo", directory, Options(address=address))
