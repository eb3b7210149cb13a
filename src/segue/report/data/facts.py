"""What there is to know of a trial, as plain values: for tables, scripts and notebooks."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from segue.base.lock import LockedError, locked
from segue.record.attributes import (
    CONSTRAINTS,
    ENV_STEPS,
    LINEAGE,
    METRIC_PER_SEED,
    REASON,
    STAGE,
    STAGES,
    STOPPED_BY,
    TOTAL_ENV_STEPS,
)
from segue.record.layout import RunLayout, trial_name
from segue.record.row import STAGE_DONE, STAGE_STEPS
from segue.report.data.rows import tolerant_rows
from segue.report.data.summary import Summary, metric_of


@dataclass(frozen=True)
class TrialFacts:
    """One trial. `values` are of all objectives; `why` says why it ended as it did, where it did
    not run to its end.
    """

    number: int
    state: str  # waiting, running, interrupted, complete, pruned, fail
    metric: float | None
    values: list[float] | None
    per_seed: list[float]
    env_steps: int  # of a member
    total_env_steps: int  # of all members
    stage: int | None  # from 0
    stages: int | None
    stages_ended_at: list[int]
    parameters: dict[str, Any]
    why: str | None
    constraints: dict[str, float]
    lineage: list[dict[str, Any]]
    started: str | None
    seconds: float | None
    directory: str

    @property
    def trained_with(self) -> dict[str, Any]:
        """The parameters that it ended with: those of the study, but where population-based
        training changed them.
        """
        return dict(self.lineage[-1]["parameters"]) if self.lineage else self.parameters

    def flat(self) -> dict[str, Any]:
        """One value a column, parameters as `params_<name>`: for CSV files and data frames."""
        own = asdict(self)
        parameters, own["per_seed"] = own.pop("parameters"), " ".join(map(str, self.per_seed))
        own["stages_ended_at"] = " ".join(map(str, self.stages_ended_at))
        own["values"] = " ".join(map(str, self.values or []))
        constraints = {
            f"constraint_{name}": value for name, value in own.pop("constraints").items()
        }
        own["lineage"] = len(own["lineage"])
        return own | constraints | {f"params_{name}": value for name, value in parameters.items()}


def facts(summary: Summary) -> list[TrialFacts]:
    """All trials, best first; then those without a value, by number."""
    alive, best = is_running(summary.run), summary.best
    shown = {trial.number for trial in best}
    rest = [trial for trial in summary.trials if trial.number not in shown]
    return [_facts(summary, trial, alive) for trial in [*best, *rest]]


def is_running(run: Path) -> bool:
    """Whether a driver holds the run directory; of a copy from a store, whether one did when it was
    made.
    """
    if RunLayout(run).driven.exists():
        return True
    try:
        with locked(RunLayout(run).lock):
            return False
    except LockedError:
        return True
    except OSError:  # a directory that one may only read
        return False


def curves(summary: Summary) -> Iterator[dict[str, Any]]:
    """Every report of every trial: its number, steps, stage, metric, and each metric by seed as
    `seed_<index>`.
    """
    for trial in summary.trials:
        rows, _ = tolerant_rows(summary.layout.trial(trial.number).results)
        for row in rows:
            where = {
                name: row.get(name)
                for name in (ENV_STEPS, TOTAL_ENV_STEPS, STAGE, STAGE_STEPS, STAGE_DONE)
            }
            seeds = {
                f"seed_{index}": value for index, value in enumerate(row.get(METRIC_PER_SEED) or [])
            }
            yield {"trial": trial.number, **where, summary.metric: row.get(summary.metric), **seeds}


def _facts(summary: Summary, trial: FrozenTrial, alive: bool) -> TrialFacts:
    told: Mapping[str, Any] = trial.user_attrs
    stages = told.get(STAGES) or {}
    ended = list(stages.get("ended_at", []))
    # Of a trial that has ended, the study knows all of this.
    rows = [] if ENV_STEPS in told else tolerant_rows(summary.layout.trial(trial.number).results)[0]
    last = rows[-1] if rows else {}
    ended = ended or [
        row[ENV_STEPS] for row in rows if row.get(STAGE_DONE) is True and ENV_STEPS in row
    ]
    metric = metric_of(trial)
    return TrialFacts(
        number=trial.number,
        state=_state(trial, alive),
        metric=last.get(summary.metric) if metric is None else metric,
        values=trial.values,
        per_seed=list(told.get(METRIC_PER_SEED) or last.get(METRIC_PER_SEED) or []),
        env_steps=int(told.get(ENV_STEPS) or last.get(ENV_STEPS) or 0),
        total_env_steps=int(told.get(TOTAL_ENV_STEPS) or last.get(TOTAL_ENV_STEPS) or 0),
        stage=told.get(STAGE, last.get(STAGE)),
        stages=stages.get("of", last.get(STAGES)),
        stages_ended_at=ended,
        parameters=dict(trial.params),
        why=told.get(REASON) or told.get(STOPPED_BY),
        constraints=dict(told.get(CONSTRAINTS, {})),
        lineage=list(told.get(LINEAGE, [])),
        started=(
            trial.datetime_start.isoformat(timespec="seconds") if trial.datetime_start else None
        ),
        seconds=trial.duration.total_seconds() if trial.duration else None,
        directory=trial_name(trial.number),
    )


def _state(trial: FrozenTrial, alive: bool) -> str:
    if trial.state == TrialState.RUNNING and not alive:
        return "interrupted"
    return trial.state.name.lower()
