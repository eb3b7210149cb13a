"""The definition of a sweep, checked when it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from segue.base.files import JsonObject
from segue.plan.mode import Mode
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.spaces import define_by_run, domains
from segue.plan.spaces.checks import check_space, check_variation
from segue.plan.spaces.space_trial import PointTrial, keywords_of
from segue.plan.sweeps.aggregate import Aggregate
from segue.plan.sweeps.checks import (
    check_choices,
    check_kinds,
    check_limits,
    check_repetition,
    check_resources,
)
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.objectives import Constraint, Objective, check_objectives
from segue.plan.sweeps.setup import TrialSetup, setup_at
from segue.plan.sweeps.stages import StagePlan, TrainerSteps
from segue.plan.sweeps.trainers import check_names_of, check_trainer, plan_at
from segue.plan.values.describe import canonical_json, describe, fingerprint
from segue.plan.world import World

Search: TypeAlias = Literal["tpe", "random", "gp", "cmaes", "qmc", "nsga2", "freeze_thaw", "auto"]
# These fields may change when a sweep is resumed; all others define the experiment.
_LIMITS = ("trials", "max_env_steps", "time_budget_s", "target", "retries", "report_timeout_s")
_CHANGEABLE = (*_LIMITS, "resources", "concurrency", "rows", "log_seeds", "share_prefixes")
# These fields are described only where they differ from their defaults.
_DEFAULTS: Mapping[str, object] = {
    "points": (),
    "aggregate": "mean",
    "objectives": (),
    "constraints": {},
    "pinned": {},
    **dict.fromkeys(("pipeline", "trainer", "steps", "world", "evaluation")),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """A search space, what the trial of each of its points trains, and how trials are evaluated.

    - `pipeline`: a function that takes names of `space` as keywords and returns a TrainingPipeline.
      `world`, `evaluation`, `lanes` and `policy` are values, or such functions as well: plain
      functions (`def` or `lambda`) of names in the space. Each name must be taken by one or more of
      them.
    - `trainer`: in place of `pipeline`, a function of a `Trial` that trains it and reports, or a
      class that is made with one and has a method `train`. `steps`: the environment steps of one
      seed that it takes; several numbers, or `TrainerStage`s, are stages; or a function of names in
      the space that returns them. `world` and `evaluation` are optional then.
    - `space`: `ray.tune` domains, `tune.grid_search` lists, and constants, by name; or a
      define-by-run function, as Optuna's objectives are (`segue.plan.spaces.define_by_run`).
    - `points`: points that are tried first, dictionaries of the space's names. Values are taken in
      the type that is proposed: 256.0 is the int 256 for a `tune.randint`.
    - `world`: the name of a world, a `World`, or a class or function of (members, lanes) that makes
      one. A function whose first parameters have these two names makes the world of every trial;
      any other one is a function of names in the space.
    - `evaluation`, `metric`, `mode`: how a trial is evaluated, by which metric, and whether more or
      less of it is better.
    - `objectives`: objectives in addition to the metric, pairs of a metric's name or `StepsTo` and
      "max" or "min"; schedulers and targets use the metric alone. `constraints`: by name, functions
      of a trial's last report whose result is 0 or less if the trial is allowed; samplers learn
      them, and a trial that violates one does not win.
    - `trials`: the number of trials; None for every point of a grid.
    - `seeds`: members of a trial, each with a separate seed; all are derived from `seed`.
      `aggregate`: how a trial's metric follows from its seeds' metrics: "mean", "iqm"
      (interquartile mean) or "worst".
    - `lanes`: environments of each member. `policy`: the policy; None for the world's default.
    - `scheduler`: None, "asha", "stage_asha", "hyperband", "median", "pbt", or a scheduler of
      `ray.tune`.
    - `search`: how points are proposed after the grid and `points`: "tpe", "random", "gp", "cmaes",
      "qmc", "nsga2"; "freeze_thaw", which divides `max_env_steps` between trials by pausing and
      resuming them; or "auto", which chooses one of them.
    - `max_env_steps`: environment steps of all trials and seeds together, stopped and failed ones
      too; a trial is started only if it could run to its end. `time_budget_s`: seconds of one run.
      `target`: a trial that ends with this metric ends the sweep.
    - `retries`: how often a failed trial is resumed from its checkpoint. `report_timeout_s`: a
      trial that does not report for so long is killed and restarted; "auto" is an hour, or ten
      times the longest time between reports so far; None is never.
    - `resources`: resources of one trial, by Ray's names; "auto" for "gpu" is the share that a
      probe measures, and 0 where there is no GPU. `concurrency`: trials at once, None for as many
      as fit. `rows`: trials that one worker trains side by side; "auto" is as many as fit into the
      processor's cache. `log_seeds`: whether TensorBoard shows a curve of each seed besides their
      means. `share_prefixes`: whether first stages that planned trials have in common are trained
      once.
    - `pinned`: the names of the space that a command line has fixed at one value (`--set`,
      `--only`), with what a study records of the value.
    - `code`: digests of the user's modules on which the sweep depends, by name; they are set when a
      sweep file is loaded.

    Raises ValueError, in one sentence with the fix, for a definition that cannot work.
    """

    pipeline: Callable[..., TrainingPipeline] | None = None
    trainer: Callable[[Any], object] | None = None
    steps: TrainerSteps | Callable[..., TrainerSteps] | None = None
    space: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]]
    world: str | World | Callable[..., Any] | None = None
    evaluation: Evaluation | Callable[..., Evaluation] | None = None
    metric: str = "return"
    mode: Mode = "max"
    objectives: Sequence[Objective] = ()
    constraints: Mapping[str, Constraint] = field(default_factory=dict)
    trials: int | None = None
    seeds: int = 1
    seed: int = 0
    aggregate: Aggregate = "mean"
    lanes: int | Callable[..., int] = 8
    policy: Any = None
    scheduler: Any = None
    search: Search = "tpe"
    points: Sequence[Mapping[str, Any]] = ()
    max_env_steps: int | None = None
    time_budget_s: float | None = None
    target: float | None = None
    retries: int = 2
    report_timeout_s: float | Literal["auto"] | None = "auto"
    resources: Mapping[str, Any] = field(default_factory=lambda: {"cpu": 1})
    concurrency: int | None = None
    rows: int | Literal["auto"] = "auto"
    log_seeds: bool = False
    share_prefixes: bool = True
    pinned: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self._check()
        except TypeError as error:
            raise ValueError(str(error)) from error
        # Described now: the state that a scheduler collects later is not part of the definition.
        object.__setattr__(self, "_description", self._describe())

    def corners(self) -> list[domains.Point]:
        """Return the points at which the sweep is checked before it runs, without repetition.

        They are at most 64 corners, with the first and last number of each range and each value of
        a choice or grid, and then `points`.
        """
        if callable(self.space):
            found = define_by_run.function_corners(self.space)
        else:
            found = domains.domain_corners(self.space)
        return domains.distinct_points([*found, *map(self._keywords, self.points)])

    def at(self, point: Mapping[str, Any]) -> TrialSetup:
        """Return what the trial of a point trains: its pipeline, world, evaluation, lanes, policy.

        `point` has the names of the space; of a define-by-run space, those that the function
        returns. Raise ValueError, naming the point, where a function of the sweep fails.
        """
        return setup_at(self, point)

    def plan_at(self, point: Mapping[str, Any]) -> StagePlan:
        """Return the stages of the trial of a point; raise ValueError as `at` does."""
        return plan_at(self, point)

    def grid(self) -> list[domains.Point] | None:
        """Return every point of a space that has only grids and constants, None otherwise."""
        return None if callable(self.space) else domains.grid_points(self.space)

    def planned(self) -> list[Mapping[str, Any]]:
        """Return the points that are tried before any is proposed: `points`, then the grid."""
        return domains.distinct_points([*self.points, *(self.grid() or [])])

    @property
    def requested_trials(self) -> int:
        """Number of trials of the sweep: `trials`, or else all points that are planned."""
        return len(self.planned()) if self.trials is None else self.trials

    def describe(self) -> JsonObject:
        """Return the definition as JSON can hold it, with an entry for each field.

        The names of the space and the modules of the code have entries of their own
        ("space.gamma"). Limits (`trials` and others), `resources`, `concurrency`, `rows`,
        `log_seeds` and `share_prefixes` are left out: they may change when a sweep resumes. Sweeps
        with equal descriptions are the same experiment.
        """
        description: JsonObject = self.__dict__["_description"]
        return dict(description)

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the description's digest, equal in every process."""
        return fingerprint(self.describe())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sweep):
            return NotImplemented
        has_equal_limits = all(getattr(self, name) == getattr(other, name) for name in _CHANGEABLE)
        return self.fingerprint == other.fingerprint and has_equal_limits

    def __hash__(self) -> int:
        return hash(canonical_json(self.describe()))

    def _check(self) -> None:
        check_trainer(self)
        check_kinds(self)
        object.__setattr__(self, "resources", dict(self.resources))
        self._check_space()
        object.__setattr__(self, "objectives", check_objectives(self.objectives))
        object.__setattr__(self, "constraints", dict(self.constraints))
        check_limits(self)
        check_variation(self.space, self.trials)
        check_choices(self)
        check_resources(self.resources)
        self._check_corners()

    def _check_space(self) -> None:
        if callable(self.space):
            define_by_run.requests_of(self.space)
        else:
            object.__setattr__(self, "space", domains.plain_space(self.space))
            check_space(self.space)
            check_names_of(self, self.space)
        points = tuple(self._completed(point) for point in self.points)
        object.__setattr__(self, "points", points)
        check_repetition(points)

    def _check_corners(self) -> None:
        """Check the names at each corner of a function's space, and the setup of the first one."""
        corners = self.corners()
        if callable(self.space):
            for corner in corners:
                check_names_of(self, corner, f" at {corner}")
        self.plan_at(corners[0])

    def _completed(self, point: Mapping[str, Any]) -> domains.Point:
        """Return a point with its values as they would be proposed."""
        if callable(self.space):
            return dict(define_by_run.answered_point(self.space, point).answers)
        return domains.completed_point(self.space, point)

    def _keywords(self, point: Mapping[str, Any]) -> domains.Point:
        """Return the names and values of the space at one of `points`."""
        if callable(self.space):
            return keywords_of(self.space, PointTrial(point))
        return dict(point)

    def _describe(self) -> JsonObject:
        apart = (*_CHANGEABLE, "space", "code")
        names = [entry.name for entry in fields(self) if entry.name not in apart]
        given = [name for name in names if getattr(self, name) != _DEFAULTS.get(name, self)]
        described = {name: describe(getattr(self, name)) for name in given}
        described |= {f"code.{name}": digest for name, digest in self.code.items()}
        if callable(self.space):
            return described | {"space": describe(self.space)}
        return described | {
            f"space.{name}": domains.describe_entry(entry) for name, entry in self.space.items()
        }
