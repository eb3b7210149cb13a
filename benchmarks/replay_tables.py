"""Tables of trials that were trained before, as pools of configurations for a search."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from segue.tune.search.freeze_thaw.curve import Proposal

KINDS = ("two_stage", "single_stage", "arlbench")
MIXED = "mixed"
_NEEDED = ("env", "exp_type", "config_kwargs_str", "train_steps", "reward")
_OF_SEED = re.compile(r"(.*)/seed\d+$")
_EARLY = 0.55
_LOW = 0.1  # the quantile of configurations whose value counts as 0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Configuration:
    """A configuration of a pool, with one learning curve per seed that it was trained with."""

    point: Proposal
    steps: tuple[int, ...]
    rewards: tuple[tuple[float, ...], ...]  # by seed
    boundary: float | None  # the steps at which the first of two stages ends

    @property
    def stage_ends(self) -> tuple[float, ...]:
        """The steps at which its stages end."""
        end = float(self.steps[-1])
        return (end,) if self.boundary is None else (self.boundary, end)

    def report(self, seed: int, index: int) -> dict[str, Any]:
        """Return the report of a checkpoint. The end of a stage need not have a checkpoint."""
        step = self.steps[index]
        boundary = self.boundary
        in_second = boundary is not None and step > boundary
        return {
            "env_steps": step,
            "reward": self.rewards[seed][index],
            "stage": int(in_second),
            "stages": 1 if boundary is None else 2,
            "stage_steps": step - boundary if in_second and boundary is not None else step,
            "stage_done": False,
            "training_iteration": index + 1,
        }


@dataclass(frozen=True)
class Pool:
    """The configurations of a pipeline in one task.

    `worth[c][s]` is the value of configuration c judged by the run of seed s, in a scale of which
    the best configuration has `best`. NaN for a run that diverged.
    """

    kind: str
    configurations: Sequence[Configuration]
    worth: Array
    best: float

    @property
    def full(self) -> int:
        """The environment steps of a full run."""
        return max(each.steps[-1] for each in self.configurations)

    @property
    def first(self) -> int:
        """The environment steps of the first checkpoint."""
        return min(each.steps[0] for each in self.configurations)

    def regret(self, found: int | None, seed: int) -> float:
        """Return how much better the best configuration is than the found one.

        The found one is judged by the runs with other seeds than the search saw, if there are any.
        If none was found, the worst one counts.
        """
        if found is None:
            return self.best - float(np.nanmin(self.worth))
        worth = self.worth[found]
        return self.best - float(worth[0] if len(worth) == 1 else np.delete(worth, seed).mean())


def read(path: Path, mixed: bool = False) -> list[Pool]:
    """Return the pools of a table, which may be compressed by gzip.

    With `mixed`, all pipelines of a task are one pool, and the pipeline is a parameter; runs with
    several seeds are left out.

    Raise ValueError if the file is not such a table.
    """
    csv.field_size_limit(sys.maxsize)
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    lines = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))
    if not lines or any(name not in lines[0] for name in _NEEDED):
        raise ValueError(
            f"{path} is not a table of trials: it needs the columns {', '.join(_NEEDED)}."
        )
    lines = [line for line in lines if json.loads(line["reward"] or "[]")]
    several = [line for line in lines if _OF_SEED.match(line["env"])]
    single = [line for line in lines if not _OF_SEED.match(line["env"])]
    if mixed:
        return [_mixed_pool(of_task) for of_task in _by_task(single)]
    return [*_pools_of_one_seed(single), *_pools_of_several_seeds(several)]


def spoiled(pool: Pool, how: str, seed: int = 0) -> Pool:
    """Return a pool whose early reports say nothing ("shuffled"), or the opposite ("mirrored").

    Early are those of the first of two stages, or of the first 55 % of the steps, without the last.
    Shuffled ones are those of another configuration; mirrored ones are reflected at the median.
    """
    order = np.random.default_rng(seed).permutation(len(pool.configurations))
    rewards = np.array([each.rewards for each in pool.configurations])  # by seed and report
    rewards = np.where(np.isfinite(rewards), rewards, np.nanmin(rewards[np.isfinite(rewards)]))
    if how == "shuffled":
        changed = rewards[order]
    else:
        changed = 2 * np.median(rewards, axis=0, keepdims=True) - rewards
    configurations = []
    for row, each in enumerate(pool.configurations):
        until = _EARLY * each.steps[-1] if each.boundary is None else each.boundary
        early = np.array(each.steps) <= until
        early[-1] = False
        mixed = np.where(early, changed[row], rewards[row])
        configurations.append(replace(each, rewards=tuple(map(tuple, mixed.tolist()))))
    return replace(pool, configurations=configurations)


def _pools_of_one_seed(lines: Sequence[Mapping[str, str]]) -> list[Pool]:
    """Return the pools of runs with one seed; values are shares of the range in the task."""
    pools = []
    for of_task in _by_task(lines):
        for pipeline in dict.fromkeys(line["exp_type"] for line in of_task):
            runs = [[line] for line in of_task if line["exp_type"] == pipeline]
            configurations = _configurations(runs)
            kind = "single_stage" if configurations[0].boundary is None else "two_stage"
            pools.append(_pool_of_one_seed(kind, configurations, _width(of_task)))
    return pools


def _mixed_pool(lines: Sequence[Mapping[str, str]]) -> Pool:
    """Return the pool of all pipelines of a task."""
    parameters = [
        {"exp_type": line["exp_type"], **json.loads(line["config_kwargs_str"])} for line in lines
    ]
    points = zip(_points(parameters), lines, strict=True)
    configurations = [_configuration(point, [line]) for point, line in points]
    return _pool_of_one_seed(MIXED, configurations, _width(lines))


def _by_task(lines: Sequence[Mapping[str, str]]) -> list[list[Mapping[str, str]]]:
    tasks = sorted({line["env"] for line in lines})
    return [[line for line in lines if line["env"] == task] for task in tasks]


def _width(lines: Sequence[Mapping[str, str]]) -> float:
    """Return the range of the final rewards of a task."""
    finals = [value for line in lines if math.isfinite(value := _rewards(line)[-1])]
    return (max(finals) - min(finals)) or 1.0


def _pool_of_one_seed(kind: str, configurations: Sequence[Configuration], width: float) -> Pool:
    worth = np.array([[each.rewards[0][-1]] for each in configurations]) / width
    worth[~np.isfinite(worth)] = np.nan
    return Pool(kind, configurations, worth, float(np.nanmax(worth)))


def _pools_of_several_seeds(lines: Sequence[Mapping[str, str]]) -> list[Pool]:
    """Return the pools of runs with several seeds, of which each configuration needs all.

    A configuration's value is its median over seeds. 0 is the lower one of the 10 % quantile and
    the median over configurations, and 1 the best.
    """
    by_pool: dict[tuple[str, str], dict[str, list[Mapping[str, str]]]] = {}
    for line in lines:
        matched = _OF_SEED.match(line["env"])
        assert matched
        pool = by_pool.setdefault((matched[1], line["exp_type"]), {})
        pool.setdefault(line["config_kwargs_str"], []).append(line)
    pools = []
    for runs in by_pool.values():
        most = max(map(len, runs.values()))
        configurations = _configurations([each for each in runs.values() if len(each) == most])
        finals = np.array([[run[-1] for run in each.rewards] for each in configurations])
        finals = np.where(np.isfinite(finals), finals, np.nanmin(finals[np.isfinite(finals)]))
        medians = np.median(finals, axis=1)
        low = min(np.quantile(medians, _LOW), np.median(medians))
        if medians.max() - low < 1e-9:
            continue  # all configurations are equally good
        worth = np.clip((finals - low) / (medians.max() - low), 0.0, 1.0)
        pools.append(Pool("arlbench", configurations, worth, float(worth.mean(axis=1).max())))
    return pools


def _configurations(runs: Sequence[Sequence[Mapping[str, str]]]) -> list[Configuration]:
    """Return one configuration for the lines of each, which differ in their seeds."""
    parameters = [json.loads(lines[0]["config_kwargs_str"]) for lines in runs]
    points = zip(_points(parameters), runs, strict=True)
    return [_configuration(point, lines) for point, lines in points]


def _configuration(point: Proposal, lines: Sequence[Mapping[str, str]]) -> Configuration:
    """Return a configuration. Of checkpoints less than 1 % of a run apart, the last is used."""
    steps = json.loads(lines[0]["train_steps"])
    share = json.loads(lines[0]["config_kwargs_str"]).get("TF_RATIO")
    used = [
        index
        for index, step in enumerate(steps)
        if index + 1 == len(steps) or steps[index + 1] - step > 0.01 * steps[-1]
    ]
    return Configuration(
        point,
        tuple(int(steps[index]) for index in used),
        tuple(tuple(_rewards(line)[index] for index in used) for line in lines),
        None if share is None else float(share) * steps[-1],
    )


def _rewards(line: Mapping[str, str]) -> list[float]:
    return [float(value) for value in json.loads(line["reward"])]


def _points(parameters: Sequence[Mapping[str, Any]]) -> list[Proposal]:
    """Return configurations as points of a space: their numbers become quantiles in the pool.

    The configurations were drawn from a space that the table does not describe.
    """
    points: list[dict[str, Any]] = [{} for _ in parameters]
    distributions: dict[str, BaseDistribution] = {}
    for name in sorted({name for each in parameters for name in each}):
        having = [row for row, each in enumerate(parameters) if each.get(name) is not None]
        values = [parameters[row][name] for row in having]
        if any(isinstance(value, str | bool) for value in values):
            column: Sequence[Any] = [str(value) for value in values]
            distributions[name] = CategoricalDistribution(sorted(set(column)))
        elif len(set(values)) > 1:
            column = _quantiles(np.array(values, dtype=float))
            distributions[name] = FloatDistribution(0.0, 1.0)
        else:
            continue
        for row, value in zip(having, column, strict=True):
            points[row][name] = value
    return [Proposal(point, {name: distributions[name] for name in point}) for point in points]


def _quantiles(values: Array) -> list[float]:
    levels, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(levels) == 2:
        return [float(each) for each in inverse]
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    return [float(middle[each]) for each in inverse]
