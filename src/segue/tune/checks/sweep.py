"""Whether a sweep can be run, as far as this can be found out before anything starts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from segue.base.user_code import located_user_errors
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import canonical_json, describe
from segue.train import check_metric, check_reported_name, check_trial
from segue.tune.checks.reads import check_reads
from segue.tune.cluster.parcel import Parcel
from segue.tune.schedulers.choice import check_stage_schedulers, make_scheduler
from segue.tune.search.auto import FREEZE_THAW, LEAST_TRIALS, ChosenSearch, chosen_search
from segue.tune.search.define_by_run import DefineByRunSpace
from segue.tune.search.domains import SearchSpace
from segue.tune.search.samplers import check_sampler
from segue.worlds import AnyWorld, WorldSpec, check_world


@dataclass(frozen=True)
class CheckedSweep:
    """A valid sweep, and what the check had to build for it."""

    sweep: Sweep
    space: SearchSpace | DefineByRunSpace
    corners: Corners
    search: ChosenSearch

    @property
    def longest_trial(self) -> int:
        """The environment steps that a trial takes at most, over all its members."""
        return self.corners.longest_training * self.sweep.seeds


@located_user_errors()
def check_sweep(sweep: Sweep) -> CheckedSweep:
    """Check what `Sweep` itself cannot, since it requires Ray, Optuna and the world.

    Raise ValueError, in one sentence with the fix, for a sweep that cannot be run. Where code of
    the user fails, the sentence has its function and line.
    """
    corners = Corners.of(sweep)
    if sweep.trainer is None:
        for metrics in _check_corners(sweep, corners):
            check_reads(sweep, metrics)
    else:
        for metric in _metrics(sweep):
            check_reported_name(metric)
    make_scheduler(sweep, corners)
    check_stage_schedulers(sweep, corners)
    _check_sendable(sweep)
    search = chosen_search(sweep, corners)
    check_sampler(search.name)
    _check_limit(sweep, search.name, corners)
    space = DefineByRunSpace(sweep.space) if callable(sweep.space) else SearchSpace.of(sweep.space)
    return CheckedSweep(sweep, space, corners, search)


def _check_limit(sweep: Sweep, search: str, corners: Corners) -> None:
    """Check that freeze-thaw search has a budget to divide."""
    trials = sweep.requested_trials
    if search == FREEZE_THAW and sweep.max_env_steps is None and trials >= LEAST_TRIALS:
        third = trials * corners.longest_training * sweep.seeds // 3
        raise ValueError(
            f"The search {search!r} divides environment steps between trials: give max_env_steps"
            f" (or --max-steps), such as {third:,}, a third of what {trials} whole trials take."
        )


def _check_corners(sweep: Sweep, corners: Corners) -> Iterable[tuple[str, ...]]:
    """Check the world and the trial of each corner, and return the metrics of each world.

    Equal worlds are made once.
    """
    worlds: dict[str, WorldSpec] = {}
    for index, setup in enumerate(corners.setups):
        key = canonical_json(describe(setup.world))
        try:
            if key not in worlds:
                worlds[key] = _checked_world(sweep, setup.world)
            check_trial(setup.pipeline, worlds[key], setup.lanes, setup.policy)
        except ValueError as error:
            if not index:  # the sweep as such is wrong, rather than one of its points
                raise
            raise ValueError(f"At {corners.points[index]}: {error}") from error
    return dict.fromkeys(world.metrics for world in worlds.values())


def _checked_world(sweep: Sweep, world: AnyWorld) -> WorldSpec:
    spec = check_world(world)
    for metric in _metrics(sweep):
        check_metric(metric, spec.metrics)
    return spec


def _metrics(sweep: Sweep) -> Iterator[str]:
    yield sweep.metric
    for objective, _ in sweep.objectives:
        if isinstance(objective, str):
            yield objective


def _check_sendable(sweep: Sweep) -> None:
    try:
        Parcel.of(sweep)
    except Exception as error:
        raise ValueError(
            f"The sweep cannot be sent to workers ({error}): keep open files, locks and connections"
            " out of it."
        ) from error
