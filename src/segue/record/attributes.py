"""Names of the attributes that a study has of its trials, and of the study's objectives."""

from typing import Final

from segue.plan.sweeps.objectives import StepsTo
from segue.plan.sweeps.sweep import Sweep
from segue.record import row

STAGES: Final = "stages"
"""How many stages the trial has, and the environment steps at which they ended."""
STAGES_ENDED_BY: Final = "stages_ended_by"
"""Which stages a scheduler ended, and why."""
STOP: Final = "stop"
"""The report at which a scheduler stopped the trial, written before the trial is stopped."""
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
ADOPTED_FROM: Final = "adopted_from"
"""Of a trial of another study: which study and which trial."""
CONSTRAINTS: Final = "constraints"
"""The values of the constraints, allowed where none is above 0."""
STAGE: Final = row.STAGE
ENV_STEPS: Final = row.ENV_STEPS
TOTAL_ENV_STEPS: Final = row.TOTAL_ENV_STEPS
METRIC_PER_SEED: Final = row.METRIC_PER_SEED
OF_LAST_REPORT: tuple[str, ...] = (STAGE, ENV_STEPS, TOTAL_ENV_STEPS, METRIC_PER_SEED)
"""What the study records of a trial's last report."""


def objective_names(sweep: Sweep) -> list[str]:
    """Return the names of the metric and the further objectives, in the order of the values."""
    return [sweep.metric, *(objective_name(what) for what, _ in sweep.objectives)]


def objective_name(objective: str | StepsTo) -> str:
    """Return the name of a further objective."""
    return objective if isinstance(objective, str) else f"steps to {objective.value:g}"
