"""Retrain the best configurations on held-out seeds: a separate sweep inside the run directory."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import canonical_json, describe
from segue.record.files.definition import parse_definition
from segue.record.layout import DEFINITION, RunLayout
from segue.record.validation import read_file
from segue.store.objects import Store, is_url
from segue.train import member_seeds
from segue.tune.search.domains import SearchSpace
from segue.worlds import stream


def held_out_sweep(sweep: Sweep, recorded: Sequence[Mapping[str, Any]], seeds: int) -> Sweep:
    """Return a sweep of one trial for each set of `recorded` parameters, without a scheduler.

    `recorded` are parameters as the study records them. The sweep has no search, and its members
    and evaluations have other seeds than those of the search. Raises ValueError for fewer than two
    seeds.
    """
    if seeds < 2:
        raise ValueError(
            f"{seeds} held-out seeds have no interval: give --seeds 2 or more, 10 are usual."
        )
    space = None if callable(sweep.space) else SearchSpace.of(sweep.space)
    points = [space.parameters(each) if space else dict(each) for each in recorded]
    return replace(
        sweep,
        points=points,
        trials=len(points),
        seeds=seeds,
        seed=held_out_seed(sweep, seeds),
        scheduler=None,
        search="random",
        aggregate="iqm",
        max_env_steps=None,
        time_budget_s=None,
        target=None,
    )


def held_out_seed(sweep: Sweep, seeds: int) -> int:
    """Return a seed for a sweep whose members share no seed with those of `sweep`."""
    searched = set(member_seeds(sweep.seed, sweep.seeds))
    candidates = (
        int(stream(sweep.seed, "held-out", index).generate_state(1)[0]) for index in count()
    )
    return next(seed for seed in candidates if not searched & set(member_seeds(seed, seeds)))


def distinct(recorded: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the index at which each set of parameters appears first.

    A search may propose the same parameters more than once.
    """
    texts = [canonical_json(describe(dict(each))) for each in recorded]
    return [index for index, text in enumerate(texts) if text not in texts[:index]]


def is_of(place: Path | str, sweep: Sweep) -> bool:
    """Return whether a run directory or store is empty, or holds a run of this very sweep."""
    if not is_url(place):
        content = read_file(RunLayout(Path(place)).definition)
    else:
        content = Store.of(str(place)).read(DEFINITION)
    if content is None:
        return True
    try:
        recorded = parse_definition(content, str(place)).sweep
    except ValueError:  # damaged, or of another format
        return False
    return bool(recorded == json.loads(json.dumps(sweep.describe())))
