"""The row that a trial reports, written by the trial and read by Tune, the study and reports.

A row is passed on as a dictionary, since Tune, its schedulers and JSON lines require one.
`ReportRow` is its typed form. Readers of rows that may be incomplete (of a failed trial, of a
damaged file) use the names below.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Row = dict[str, Any]

ENV_STEPS: Final = "env_steps"
TOTAL_ENV_STEPS: Final = "total_env_steps"
STAGE: Final = "stage"
STAGES: Final = "stages"
STAGE_STEPS: Final = "stage_steps"
STAGE_DONE: Final = "stage_done"
FINAL: Final = "final"
METRIC_PER_SEED: Final = "metric_per_seed"
EVALUATION: Final = "evaluation"
DIAGNOSTICS: Final = "diagnostics"
GENERATION: Final = "generation"
REPLAYED: Final = "replayed"
FORKED_FROM: Final = "forked_from"
"""In a row that a trial has adopted with the training of another one: that trial's number."""

FIELDS: Final = frozenset(
    {
        ENV_STEPS,
        TOTAL_ENV_STEPS,
        STAGE,
        STAGES,
        STAGE_STEPS,
        STAGE_DONE,
        FINAL,
        METRIC_PER_SEED,
        EVALUATION,
        DIAGNOSTICS,
        GENERATION,
        REPLAYED,
        FORKED_FROM,
    }
)
"""The names of a row that are not metrics."""
TUNE_FIELDS: Final = frozenset(
    {
        "checkpoint_dir_name",
        "config",
        "date",
        "done",
        "experiment_tag",
        "hostname",
        "iterations_since_restore",
        "node_ip",
        "pid",
        "should_checkpoint",
        "time_since_restore",
        "time_this_iter_s",
        "time_total_s",
        "timestamp",
        "training_iteration",
        "trial_id",
    }
)
"""The names that Tune adds to a row, or reads from it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRow:
    """One report of a trial.

    A report at the end of a stage is about the stage that has ended: `stage` and `stage_steps` are
    those of that stage.
    """

    metric: str
    """Name of the metric; the row has the value under this name."""
    value: float
    """The metric, aggregated over the seeds."""
    metric_per_seed: list[float]
    env_steps: int
    """Environment steps of one member."""
    total_env_steps: int
    """Environment steps of all members."""
    stage: int
    """Index of the stage, from 0."""
    stages: int
    """Number of stages of the pipeline."""
    stage_steps: int
    """Environment steps of one member in the stage."""
    stage_done: bool
    """Whether the stage ends with this report."""
    final: bool
    """Whether the pipeline ends with this report."""
    evaluation: Mapping[str, float]
    """Mean of each evaluated metric over the seeds."""
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    """Mean of each diagnostic of learning over the seeds, at the end of the last interval."""
    generation: int = 0
    """How often the trial has continued from another trial's checkpoint: exploits, in PBT.

    The rows of an earlier generation are about other agents.
    """

    def to_dict(self) -> Row:
        """Return the row as it is written and reported."""
        return {
            self.metric: self.value,
            METRIC_PER_SEED: self.metric_per_seed,
            ENV_STEPS: self.env_steps,
            TOTAL_ENV_STEPS: self.total_env_steps,
            STAGE: self.stage,
            STAGES: self.stages,
            STAGE_STEPS: self.stage_steps,
            STAGE_DONE: self.stage_done,
            FINAL: self.final,
            EVALUATION: self.evaluation,
            DIAGNOSTICS: self.diagnostics,
            GENERATION: self.generation,
        }

    @classmethod
    def of(cls, row: Row, metric: str) -> "ReportRow":
        """Return the typed form of a complete row; raise KeyError for an incomplete one."""
        names = (METRIC_PER_SEED, ENV_STEPS, TOTAL_ENV_STEPS, STAGE, STAGES, STAGE_STEPS)
        flags = (STAGE_DONE, FINAL, EVALUATION)
        return cls(
            metric=metric,
            value=row[metric],
            diagnostics=row.get(DIAGNOSTICS, {}),
            generation=row.get(GENERATION, 0),
            **{name: row[name] for name in names + flags},
        )


def replayed(row: Row) -> Row:
    """Return a row that a resumed trial reports again, since it may not have been received."""
    return {**row, REPLAYED: True}


def unflattened(result: Row) -> Row:
    """Return a row as its trial reported it, with nested dictionaries.

    Tune passes the entries of nested dictionaries to a searcher one by one.

    >>> unflattened({"env_steps": 400, "evaluation/return": 1.0})
    {'env_steps': 400, 'evaluation': {'return': 1.0}}
    """
    row: Row = {}
    nested: dict[str, Row] = {}
    for name, value in result.items():
        outer, _, inner = name.partition("/")
        if inner and outer in (EVALUATION, DIAGNOSTICS):
            nested.setdefault(outer, {})[inner] = value
        else:
            row[name] = value
    return row | nested


def evaluated(row: Row) -> Row:
    """Return the evaluated metrics together with the entries of a row, which take precedence.

    >>> evaluated({"return": 2.0, "evaluation": {"return": 1.0, "length": 9.0}})["length"]
    9.0
    """
    return {**row.get(EVALUATION, {}), **row}
