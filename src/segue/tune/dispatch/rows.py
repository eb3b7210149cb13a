"""How many workers a run has, and how many trials each of them trains side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

from segue.base.text import plural
from segue.plan.sweeps.checks import AUTO
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.setup import TrialSetup
from segue.plan.sweeps.sweep import Sweep
from segue.train import check_trial
from segue.train.packs.pack import members_in_cache
from segue.tune.search.auto import FREEZE_THAW
from segue.worlds import world_spec

_LEARNING = ("tpe", "gp", "cmaes", FREEZE_THAW)
_PART = 8  # of its trials, which a search that learns from results has at once


@dataclass(frozen=True)
class Crew:
    """The workers of a run: their number, and how many trials each trains side by side."""

    workers: int
    rows: int

    def __str__(self) -> str:
        where = f"each of {self.workers} workers" if self.workers > 1 else "one worker"
        return f"{plural(self.rows, 'trial')} side by side in {where}"


def crew_of(sweep: Sweep, rows: int, search: str, left: int, fitting: int | None) -> Crew:
    """Return the workers of a run with `left` trials to train.

    `rows` is what `most_rows` returned. `fitting` is the number of workers that Ray's nodes have
    room for, None for any number.
    """
    if sweep.rows == AUTO and sweep.resources.get("gpu"):
        rows = 1
    at_once = min(left, sweep.concurrency or left)
    workers = min(fitting or math.ceil(at_once / rows), max(at_once, 1))
    workers = max(workers, 1)
    if sweep.rows == AUTO and search in _LEARNING and len(sweep.planned()) < sweep.requested_trials:
        rows = min(rows, max(1, sweep.requested_trials // (_PART * workers)))
    limit = max(1, sweep.concurrency // workers) if sweep.concurrency else rows
    return Crew(workers, max(1, min(rows, limit, math.ceil(left / workers))))


def most_rows(sweep: Sweep, corners: Corners, *, is_solo: bool = False) -> int:
    """Return how many trials a worker trains at most; worlds are made, before Ray starts.

    "auto" is as many as have activations that fit into the processor's cache together. It is one
    for a world that is stepped environment by environment, where packs gain little. `is_solo` says
    that a worker can train one trial only.
    """
    if is_solo or sweep.trainer is not None:
        return 1
    if sweep.rows != AUTO:
        return int(sweep.rows)
    return min(_fitting(setup, sweep.seeds) for setup in corners.setups)


def _fitting(setup: TrialSetup, seeds: int) -> int:
    """Return how many trials of a setup fit into the cache together."""
    world = world_spec(setup.world)
    if not world.joins:
        return 1
    policy = check_trial(setup.pipeline, world, setup.lanes, setup.policy)
    settings = [setup.pipeline.settings(index) for index in range(len(setup.pipeline))]
    samples = max(setup.lanes * each.num_steps // each.num_mini_batch for each in settings)
    return max(1, members_in_cache(samples, policy) // seeds)
