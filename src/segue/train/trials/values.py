"""The value of a trial: the metric of its seeds as one number, at its end over several reports."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from segue.plan.sweeps.evaluation import Evaluation
from segue.record.files.results import read_results
from segue.record.row import ENV_STEPS, FINAL, GENERATION, METRIC_PER_SEED, STAGE, Row

Aggregate = Callable[[Sequence[float]], float]


def aggregated(metric: str, values: Sequence[float], aggregate: Aggregate, env_steps: int) -> float:
    """Return the metric of all seeds; raise FloatingPointError unless it is a finite number."""
    value = aggregate(values)
    if not math.isfinite(value):
        raise FloatingPointError(
            f"The metric {metric!r} is {value} after {env_steps:,} steps: {values} by seed."
        )
    return value


def at_end(
    row: Row, results: Path, evaluation: Evaluation | None, metric: str, aggregate: Aggregate
) -> Row:
    """Return a trial's last row with the mean of the metric over its last reports; others as given.

    There are `evaluation.mean_of_last` of them, of the last stage and the same generation;
    `results` is the file of those before. The metrics in the row's `evaluation` remain those of its
    own report. Raises what `aggregated` raises.
    """
    count = 1 if evaluation is None else evaluation.mean_of_last
    if count == 1 or not row[FINAL]:
        return row
    own = row[METRIC_PER_SEED]
    before = [
        each[METRIC_PER_SEED]
        for each in read_results(results, metric).rows
        if (each.get(STAGE), each.get(GENERATION)) == (row[STAGE], row[GENERATION])
        and len(each.get(METRIC_PER_SEED, ())) == len(own)
    ]
    values = [fmean(of_seed) for of_seed in zip(*[*before, own][-count:], strict=True)]
    value = aggregated(metric, values, aggregate, row[ENV_STEPS])
    return {**row, metric: value, METRIC_PER_SEED: values}
