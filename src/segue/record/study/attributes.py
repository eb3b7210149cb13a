"""Names of the attributes that a study has of its trials, and of the study's objectives."""

from typing import Any, Final

from segue.plan.sweeps.objectives import StepsTo
from segue.plan.sweeps.sweep import Sweep
from segue.record import row

STAGES: Final = "stages"
"""How many stages the trial has, and the environment steps at which they ended."""
STAGES_ENDED_BY: Final = "stages_ended_by"
"""Which stages a scheduler ended, by their numbers from 1, and why."""
STOP: Final = "stop"
"""The report at which a scheduler stopped the trial, written before the trial is stopped."""
PAUSED: Final = "paused"
"""The report at which a running trial is paused, its steps and value; None once it has resumed."""
PREDICTED_END: Final = "predicted_end"
"""The value that a trial was expected to end with when it was paused last, or when the sweep ended:
`value`, and the ends `low` and `high` of its 80 % interval.
"""
PAUSES: Final = "pauses"
"""Each time that the trial was paused: at which of its steps (`at`), after how many steps of the
sweep (`spent`), its predicted end (`value`, `low`, `high`), the trial that was more promising
(`instead`, None if nothing else fitted into the budget), and, once it has resumed, `resumed`: after
how many steps of the sweep (`spent`), of how many paused trials (`of`) and new points (`new`) it
was the most promising.
"""
STOPPED_BY: Final = "stopped_by"
"""Why the scheduler stopped the trial."""
REASON: Final = "reason"
"""Why the trial failed."""
LOG_OF_FAILED: Final = "log"
"""The log of a trial that failed, relative to the run directory."""
DIRECTORY: Final = "directory"
"""The trial's directory, relative to the run directory."""
LINEAGE: Final = "lineage"
"""From which trials' checkpoints the trial continued, when, and with which parameters."""
FORKED_FROM: Final = row.FORKED_FROM
"""Of a trial that shares its first stages: which `trial` has trained them, and their `env_steps` of
one member and `total_env_steps` of all.
"""
ADOPTED_FROM: Final = "adopted_from"
"""Of a trial of another study: which study and which trial."""
COPY_OF: Final = "copy_of"
"""Of a trial that was not trained: the earlier trial of the same parameters, whose values it has.
"""
CONSTRAINTS: Final = "constraints"
"""The values of the constraints, allowed where none is above 0."""
STEERED: Final = "steered"
"""The requests of people that changed the trial, in order, as `segue.record.study.steering` records
them.
"""
STEERING: Final = "steering"
"""Of a study: the requests of people to the whole sweep, and those without an effect, in order."""
STAGE: Final = row.STAGE
ENV_STEPS: Final = row.ENV_STEPS
TOTAL_ENV_STEPS: Final = row.TOTAL_ENV_STEPS


def per_seed(metric: str) -> str:
    """Return the name of the attribute that has the metric of each seed.

    >>> per_seed("success")
    'success_per_seed'
    """
    return f"{metric}_per_seed"


def of_last_report(reported: row.Row, metric: str) -> dict[str, Any]:
    """Return the attributes that a study records of a trial's last report, as far as it has them.

    Stages count from 1 here, and from 0 in reports: users read the attributes.
    """
    names = {ENV_STEPS: ENV_STEPS, TOTAL_ENV_STEPS: TOTAL_ENV_STEPS}
    names[row.METRIC_PER_SEED] = per_seed(metric)
    found = {ours: reported[theirs] for theirs, ours in names.items() if theirs in reported}
    if row.STAGE in reported:
        found[STAGE] = stage_number(reported[row.STAGE])
    return found


def stage_number(index: int) -> int:
    """Return the number of a stage for users, from 1; Segue's own indices count from 0."""
    return index + 1


def objective_names(sweep: Sweep) -> list[str]:
    """Return the names of the metric and the further objectives, in the order of the values."""
    return [sweep.metric, *(objective_name(what) for what, _ in sweep.objectives)]


def objective_name(objective: str | StepsTo) -> str:
    """Return the name of a further objective."""
    return objective if isinstance(objective, str) else f"steps to {objective.value:g}"
