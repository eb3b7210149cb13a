"""A sweep: a question about pipelines, checked when it is asked."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from segue.plan import asked_space, checks, space
from segue.plan.describe import canonical_json, describe, fingerprint
from segue.plan.evaluation import Evaluation
from segue.plan.names import suggestion
from segue.plan.pipeline import TrainingPipeline

# How much is done and where may change when a sweep is continued; what is asked may not.
_NOT_ASKED = ("trials", "resources", "concurrency")
SEARCHES = ("tpe", "random", "gp", "cmaes", "qmc", "nsga2")
"""How points can be proposed."""
_OPTIONAL = ("points",)  # described where they are given, so that older runs still have the same fingerprint
SCHEDULERS = ("asha", "stage_asha", "median")
"""Those that have a name."""
_COUNTS = ("seeds", "lanes", "trials", "concurrency")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """A space of parameters, a function from them to a pipeline, and how its trials are run and judged.

    - `pipeline`: takes the names of `space` as keywords and returns a TrainingPipeline.
    - `space`: `ray.tune` domains, `tune.grid_search` lists, and constants, by name; or a function that asks a trial for
      them, as Optuna's objectives do (`segue.plan.asked_space`).
    - `points`: those that are tried first, each a dictionary of what the space names or asks for.
    - `world`: the name of a world, or a function (members, lanes) -> World.
    - `evaluation`, `metric`, `mode`: how a trial is judged, by which number, and whether more or less of it is better.
    - `trials`: how many; None for every point of a grid.
    - `seeds`: members of a trial, each with a seed of its own; `seed` is the one that all of them come from.
    - `lanes`: environments of each member.
    - `policy`: None for the trainer's default.
    - `scheduler`: None, "asha", "stage_asha", "median", or a scheduler of `ray.tune`.
    - `search`: how points are proposed after the grid and `points`: "tpe", "random", "gp", "cmaes", "qmc" or "nsga2".
    - `resources`: of one trial, as Ray names them; `concurrency`: trials at once, None for as many as fit.

    Raises ValueError, in one sentence with the fix, for whatever cannot work.
    """

    pipeline: Callable[..., TrainingPipeline]
    space: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]]
    world: str | Callable[[int, int], Any]
    evaluation: Evaluation
    metric: str = "return"
    mode: Literal["max", "min"] = "max"
    trials: int | None = None
    seeds: int = 1
    seed: int = 0
    lanes: int = 8
    policy: Any = None
    scheduler: Any = None
    search: Literal["tpe", "random", "gp", "cmaes", "qmc", "nsga2"] = "tpe"
    points: Sequence[Mapping[str, Any]] = ()
    resources: Mapping[str, float] = field(default_factory=lambda: {"cpu": 1})
    concurrency: int | None = None

    def __post_init__(self) -> None:
        try:
            self._check()
        except TypeError as error:
            raise ValueError(str(error)) from error
        # Described now: a scheduler gathers state when it is used, and that is no part of the question.
        object.__setattr__(self, "_description", self._describe())

    def corners(self) -> list[dict[str, Any]]:
        """Points with the first or last value of every domain, at most 64, in a fixed order."""
        return asked_space.corners(self.space) if callable(self.space) else space.corners(self.space)

    def grid(self) -> list[dict[str, Any]] | None:
        """Every point where the space has only grids and constants, else None."""
        return None if callable(self.space) else space.grid(self.space)

    def planned(self) -> list[Mapping[str, Any]]:
        """What is tried before anything is proposed: the points, then the grid."""
        return [*self.points, *(point for point in self.grid() or [] if point not in self.points)]

    def describe(self) -> dict[str, Any]:
        """What is asked, JSON-able, one entry for each field and each name of the space ("space.gamma").

        `trials`, `resources` and `concurrency` are left out: they may change when a sweep is continued. Two sweeps that
        describe themselves equally ask the same.
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
        rest = [(sweep.trials, dict(sweep.resources), sweep.concurrency) for sweep in (self, other)]
        return self.fingerprint == other.fingerprint and rest[0] == rest[1]

    def __hash__(self) -> int:
        return hash(canonical_json(self.describe()))

    def _check(self) -> None:
        _check_kinds(self)
        object.__setattr__(self, "resources", dict(self.resources))
        object.__setattr__(self, "points", tuple(dict(point) for point in self.points))
        if not callable(self.space):
            object.__setattr__(self, "space", dict(self.space))
            space.check_space(self.space)
            _check_signature(self.pipeline, self.space)
        _check_budget(self)
        _check_one_of("mode", self.mode, ("max", "min"))
        _check_one_of("search", self.search, SEARCHES)
        _check_scheduler(self.scheduler)
        _check_resources(self.resources)
        _check_corner(self.pipeline, self.corners()[0])

    def _describe(self) -> dict[str, Any]:
        asked = [entry.name for entry in fields(self) if entry.name not in (*_NOT_ASKED, "space")]
        described = {
            name: describe(getattr(self, name)) for name in asked if name not in _OPTIONAL or getattr(self, name)
        }
        if callable(self.space):
            return described | {"space": describe(self.space)}
        return described | {f"space.{name}": space.describe_entry(entry) for name, entry in self.space.items()}


def _check_kinds(sweep: Sweep) -> None:
    if not callable(sweep.pipeline):
        raise TypeError(f"pipeline must be a function that returns a TrainingPipeline, got {sweep.pipeline!r}.")
    if not isinstance(sweep.resources, Mapping):
        raise TypeError(f"resources must be a dictionary, got {sweep.resources!r}.")
    if not isinstance(sweep.space, Mapping) and not callable(sweep.space):
        raise TypeError(f"space must be a dictionary, or a function that asks a trial, got {sweep.space!r}.")
    if isinstance(sweep.points, Mapping) or not all(isinstance(point, Mapping) for point in sweep.points):
        raise TypeError(f"points must be a list of dictionaries, got {sweep.points!r}.")
    if not callable(sweep.world):
        checks.text("world", sweep.world)
    if not isinstance(sweep.evaluation, Evaluation):
        raise TypeError(f"evaluation must be an Evaluation, got {sweep.evaluation!r}: write Evaluation(every=10_000).")
    checks.text("metric", sweep.metric)


def _check_signature(pipeline: Callable[..., Any], names: Mapping[str, Any]) -> None:
    parameters = inspect.signature(pipeline).parameters.values()
    keywords = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters)
    for name in () if takes_any else names:
        if name not in keywords:
            raise ValueError(
                f"The space names {name!r}, which the pipeline function does not take: {suggestion(name, keywords)}"
            )
    for name, parameter in keywords.items():
        if parameter.default is parameter.empty and name not in names:
            raise ValueError(
                f"The pipeline function takes {name!r}, which the space lacks: add it, or give it a default."
            )


def _check_budget(sweep: Sweep) -> None:
    for name in _COUNTS:
        value = getattr(sweep, name)
        if value is not None or name in ("seeds", "lanes"):
            checks.count(name, value)
    checks.whole_number("seed", sweep.seed, least=0)
    if sweep.trials is None and sweep.grid() is None:
        raise ValueError("trials must be given, since the space is not a grid only: say how many trials to run.")


def _check_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}.")


def _check_scheduler(scheduler: object) -> None:
    is_scheduler = not isinstance(scheduler, type) and hasattr(scheduler, "choose_trial_to_run")
    if scheduler is not None and scheduler not in SCHEDULERS and not is_scheduler:
        named = ", ".join(map(repr, SCHEDULERS))
        raise ValueError(f"scheduler must be None, {named}, or a scheduler object of ray.tune, got {scheduler!r}.")


def _check_resources(resources: Mapping[str, float]) -> None:
    if not resources:
        raise ValueError("resources is empty: say what a trial needs, such as {'cpu': 1}.")
    for name, amount in resources.items():
        checks.text("Each name in resources", name)
        plain = name.lower().rstrip("s")
        if plain in ("cpu", "gpu") and plain != name:
            raise ValueError(f"resources names {name!r}: did you mean {plain!r}?")
        if checks.finite(f"resources[{name!r}]", amount) < 0:
            raise ValueError(f"resources[{name!r}] must not be negative, got {amount}.")


def _check_corner(pipeline: Callable[..., Any], corner: Mapping[str, Any]) -> None:
    try:
        built = pipeline(**corner)
    except Exception as error:
        raise ValueError(f"The pipeline function fails at {corner}: {_said(error)}") from error
    if not isinstance(built, TrainingPipeline):
        raise ValueError(f"The pipeline function must return a TrainingPipeline, got {built!r} at {corner}.")


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError | TypeError) else repr(error)
