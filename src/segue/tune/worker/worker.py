"""The function that Tune runs in a worker process: it trains the trials that the driver assigns."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from segue.plan.seeding import is_cudnn_deterministic, set_deterministic_cudnn
from segue.plan.sweeps.sweep import Sweep
from segue.tune.cluster.parcel import Parcel
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lease import on_worker
from segue.tune.worker import preemption
from segue.tune.worker.messages import TuneExchange
from segue.tune.worker.reporter import Exchange
from segue.tune.worker.shared import SharedWorker
from segue.tune.worker.solo import Runner, SoloWorker

MakeExchange = Callable[[dict[str, Any]], Exchange]


def make_worker(
    sweep: Sweep,
    run: RunDirectory,
    runner: Runner | None = None,
    *,
    accept_changes: bool = False,
    exchange: MakeExchange = TuneExchange,
) -> Callable[[dict[str, Any]], None]:
    """Return the function of a worker, which trains trials until the driver has none left for it.

    The trials of a sweep train side by side. Those of a sweep with a trainer of its own, and of
    `runner`, a function that trains one trial in place of Segue's trainer, train one at a time.
    """
    device = "cuda" if sweep.resources.get("gpu") else "cpu"
    is_deterministic = is_cudnn_deterministic()
    parcel = Parcel.of(sweep)
    metric = sweep.metric
    retries = sweep.retries
    is_solo = runner is not None or sweep.trainer is not None

    def worker(config: dict[str, Any]) -> None:
        if is_deterministic:
            set_deterministic_cudnn()
        here = on_worker(run)
        place: SoloWorker | SharedWorker
        if is_solo:
            place = SoloWorker(
                here, parcel, metric, retries, device, exchange(config), runner, accept_changes
            )
        else:
            place = SharedWorker(
                here, parcel, metric, retries, device, exchange(config), accept_changes
            )
        with ExitStack() as stack:
            stack.enter_context(preemption.training(place.upload))
            place.work()

    vars(worker)["__mixins__"] = (preemption.PreemptionMixin,)  # with which Tune extends a function
    return worker
