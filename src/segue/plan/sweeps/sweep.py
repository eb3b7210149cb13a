"""A sweep: a question about pipelines, checked when it is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.spaces import define_by_run, domains
from segue.plan.sweeps.aggregate import Aggregate
from segue.plan.sweeps.checks import (
    check_choices,
    check_corner,
    check_kinds,
    check_numbers,
    check_resources,
    check_signature,
)
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.objectives import Constraint, Objective, check_objectives
from segue.plan.values.describe import canonical_json, describe, fingerprint

# How much is done and where may change when a sweep is continued; what is asked may not.
_LIMITS = ("trials", "max_env_steps", "time_budget_s", "target", "retries", "report_timeout_s")
_NOT_ASKED = (*_LIMITS, "resources", "concurrency")
# Described only where they are given, so that runs from before they existed keep their
# fingerprints.
_OPTIONAL: Mapping[str, Any] = {
    "points": (),
    "aggregate": "mean",
    "objectives": (),
    "constraints": {},
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """A space of parameters, a function from them to a pipeline, and how its trials are run and
    judged.

    - `pipeline`: takes the names of `space` as keywords and returns a TrainingPipeline.
    - `space`: `ray.tune` domains, `tune.grid_search` lists, and constants, by name; or a function
      that asks a trial for them, as Optuna's objectives do (`segue.plan.spaces.define_by_run`).
    - `points`: those that are tried first, each a dictionary of what the space names or asks for.
    - `world`: the name of a world, or a function (members, lanes) -> World.
    - `evaluation`, `metric`, `mode`: how a trial is judged, by which number, and whether more or
      less of it is better.
    - `objectives`: further ones beside the metric, pairs of a metric's name or `StepsTo` and "max"
      or "min"; schedulers and targets go by the metric alone. `constraints`: by name, functions of
      a trial's last report whose result is 0 or less where the trial is allowed; samplers learn
      them, and a trial that breaks one does not win.
    - `trials`: how many; None for every point of a grid.
    - `seeds`: members of a trial, each with a seed of its own; `seed` is the one that all of them
      come from.
    - `aggregate`: what the trial's metric is of its seeds': "mean", "iqm" (interquartile mean) or
      "worst".
    - `lanes`: environments of each member.
    - `policy`: None for the trainer's default.
    - `scheduler`: None, "asha", "stage_asha", "hyperband", "median", "pbt", or a scheduler of
      `ray.tune`.
    - `search`: how points are proposed after the grid and `points`: "tpe", "random", "gp", "cmaes",
      "qmc" or "nsga2".
    - `max_env_steps`: of all trials and seeds together, stopped and failed ones too; a trial is
      begun only if it could run to its end. `time_budget_s`: seconds of one run. `target`: a trial
      that ends with this metric ends the sweep.
    - `retries`: of a trial that fails, from its checkpoint. `report_timeout_s`: a trial that
      reports nothing for so long is killed and tried again; "auto" is an hour, or ten times the
      longest silence so far; None is never.
    - `resources`: of one trial, as Ray names them; "auto" for "gpu" is the share that a probe
      measures, and none where there is no GPU. `concurrency`: trials at once, None for as many as
      fit.

    Raises ValueError, in one sentence with the fix, for whatever cannot work.
    """

    pipeline: Callable[..., TrainingPipeline]
    space: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]]
    world: str | Callable[[int, int], Any]
    evaluation: Evaluation
    metric: str = "return"
    mode: Literal["max", "min"] = "max"
    objectives: Sequence[Objective] = ()
    constraints: Mapping[str, Constraint] = field(default_factory=dict)
    trials: int | None = None
    seeds: int = 1
    seed: int = 0
    aggregate: Aggregate = "mean"
    lanes: int = 8
    policy: Any = None
    scheduler: Any = None
    search: Literal["tpe", "random", "gp", "cmaes", "qmc", "nsga2"] = "tpe"
    points: Sequence[Mapping[str, Any]] = ()
    max_env_steps: int | None = None
    time_budget_s: float | None = None
    target: float | None = None
    retries: int = 2
    report_timeout_s: float | Literal["auto"] | None = "auto"
    resources: Mapping[str, Any] = field(default_factory=lambda: {"cpu": 1})
    concurrency: int | None = None

    def __post_init__(self) -> None:
        try:
            self._check()
        except TypeError as error:
            raise ValueError(str(error)) from error
        # Described now: a scheduler gathers state when it is used, and that is no part of the
        # question.
        object.__setattr__(self, "_description", self._describe())

    def corners(self) -> list[dict[str, Any]]:
        """Points with the first or last value of every domain, at most 64, in a fixed order."""
        return (
            define_by_run.corners(self.space)
            if callable(self.space)
            else domains.corners(self.space)
        )

    def grid(self) -> list[dict[str, Any]] | None:
        """Every point where the space has only grids and constants, else None."""
        return None if callable(self.space) else domains.grid(self.space)

    def planned(self) -> list[Mapping[str, Any]]:
        """What is tried before anything is proposed: the points, then the grid."""
        return [*self.points, *(point for point in self.grid() or [] if point not in self.points)]

    def describe(self) -> dict[str, Any]:
        """What is asked, JSON-able, one entry for each field and each name of the space
        ("space.gamma").

        Limits (`trials` and others), `resources` and `concurrency` are left out: they may change
        when a sweep is continued. Two sweeps that describe themselves equally ask the same.
        """
        description: dict[str, Any] = self.__dict__["_description"]
        return dict(description)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the description's digest, equal in every process."""
        return fingerprint(self.describe())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sweep):
            return NotImplemented
        rest = [[getattr(sweep, name) for name in _NOT_ASKED] for sweep in (self, other)]
        return self.fingerprint == other.fingerprint and rest[0] == rest[1]

    def __hash__(self) -> int:
        return hash(canonical_json(self.describe()))

    def _check(self) -> None:
        check_kinds(self)
        object.__setattr__(self, "resources", dict(self.resources))
        object.__setattr__(self, "points", tuple(dict(point) for point in self.points))
        if not callable(self.space):
            object.__setattr__(self, "space", dict(self.space))
            domains.check_space(self.space)
            check_signature(self.pipeline, self.space)
        object.__setattr__(self, "objectives", check_objectives(self.objectives))
        object.__setattr__(self, "constraints", dict(self.constraints))
        check_numbers(self)
        check_choices(self)
        check_resources(self.resources)
        check_corner(self.pipeline, self.corners()[0])

    def _describe(self) -> dict[str, Any]:
        asked = [entry.name for entry in fields(self) if entry.name not in (*_NOT_ASKED, "space")]
        given = [name for name in asked if getattr(self, name) != _OPTIONAL.get(name, self)]
        described = {name: describe(getattr(self, name)) for name in given}
        if callable(self.space):
            return described | {"space": describe(self.space)}
        return described | {
            f"space.{name}": domains.describe_entry(entry) for name, entry in self.space.items()
        }
