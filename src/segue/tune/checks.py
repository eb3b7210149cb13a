"""Whether a sweep can be run, as far as that can be said before anything is begun."""

from ray import cloudpickle

from segue.plan.sweeps.sweep import Sweep
from segue.train import check_metric, check_trial
from segue.tune.schedulers.choice import check_stage_schedulers, make_scheduler
from segue.tune.search.define_by_run import DefineByRunSpace
from segue.tune.search.domains import SearchSpace
from segue.tune.search.samplers import check_sampler
from segue.worlds import world_spec


def check_sweep(sweep: Sweep) -> SearchSpace | DefineByRunSpace:
    """Check what Sweep itself cannot, since it takes Ray, Optuna and the world; raises ValueError,
    in one sentence.
    """
    world = world_spec(sweep.world)
    for metric in (sweep.metric, *(what for what, _ in sweep.objectives if isinstance(what, str))):
        check_metric(metric, world.metrics)
    for corner in sweep.corners():
        check_trial(sweep.pipeline(**corner), world, sweep.lanes, sweep.policy)
    make_scheduler(sweep)
    check_stage_schedulers(sweep)
    try:
        cloudpickle.dumps(sweep)
    except Exception as error:
        raise ValueError(
            f"The sweep cannot be sent to workers ({error}): keep open files, locks and connections"
            " out of it."
        ) from error
    check_sampler(sweep.search)
    asked = DefineByRunSpace(sweep.space) if callable(sweep.space) else SearchSpace.of(sweep.space)
    for point in sweep.points:
        asked.recorded(point)
    return asked
