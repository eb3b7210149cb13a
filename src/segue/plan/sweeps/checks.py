"""Checks of a sweep's fields: each raises TypeError or ValueError, in one sentence with the fix."""

from collections.abc import Mapping, Sequence
from typing import Any

from segue.base import checks
from segue.plan.sweeps.aggregate import AGGREGATES
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.setup import functions_of_space, is_function_of_space
from segue.plan.values.describe import canonical_json, describe
from segue.plan.world import World

SEARCHES = ("tpe", "random", "gp", "cmaes", "qmc", "nsga2", "freeze_thaw", "auto")
"""The names of the searches, which propose points."""
SCHEDULERS = ("asha", "stage_asha", "hyperband", "median", "pbt")
"""The names of the schedulers; others can be given as objects."""
AUTO = "auto"
"""The value of "gpu" for a share that is measured when the sweep runs."""
_COUNTS = ("seeds", "lanes", "trials", "concurrency", "max_env_steps")


def check_kinds(sweep: Any) -> None:
    """Check the type of every field."""
    if not isinstance(sweep.resources, Mapping):
        raise TypeError(f"resources must be a dictionary, got {sweep.resources!r}.")
    if not isinstance(sweep.space, Mapping) and not callable(sweep.space):
        raise TypeError(
            f"space must be a dictionary, or a define-by-run function, got {sweep.space!r}."
        )
    if not isinstance(sweep.constraints, Mapping) or not all(
        callable(each) for each in sweep.constraints.values()
    ):
        raise TypeError(
            f"constraints must be a dictionary of functions of a report, got {sweep.constraints!r}."
        )
    if isinstance(sweep.points, Mapping) or not all(
        isinstance(point, Mapping) for point in sweep.points
    ):
        raise TypeError(f"points must be a list of dictionaries, got {sweep.points!r}.")
    if sweep.trainer is None and not isinstance(sweep.world, World) and not callable(sweep.world):
        checks.text("world", sweep.world)
    is_function = is_function_of_space("evaluation", sweep.evaluation)
    is_value = sweep.trainer is None and not is_function
    if is_value and not isinstance(sweep.evaluation, Evaluation):
        raise TypeError(
            f"evaluation must be an Evaluation, got {sweep.evaluation!r}: write"
            " Evaluation(every=10_000)."
        )
    if not isinstance(sweep.pinned, Mapping):
        raise TypeError(f"pinned must be a dictionary, got {sweep.pinned!r}.")
    checks.text("metric", sweep.metric)


def check_repetition(points: Sequence[Mapping[str, Any]]) -> None:
    """Check that no point is listed twice."""
    texts = [canonical_json(describe(point)) for point in points]
    for index, point in enumerate(points):
        if texts[index] in texts[:index]:
            raise ValueError(
                f"points lists {point} twice: list each point once, and use seeds to repeat it."
            )


def check_limits(sweep: Any) -> None:
    """Check counts, limits and times."""
    functions = functions_of_space(sweep)
    for name in _COUNTS:
        value = getattr(sweep, name)
        if name not in functions and (value is not None or name in ("seeds", "lanes")):
            checks.count(name, value)
    checks.whole_number("seed", sweep.seed, least=0)
    checks.whole_number("retries", sweep.retries, least=0)
    checks.flag("log_seeds", sweep.log_seeds)
    checks.flag("share_prefixes", sweep.share_prefixes)
    if sweep.rows != AUTO:
        checks.count("rows", sweep.rows)
    if sweep.time_budget_s is not None:
        checks.positive("time_budget_s", sweep.time_budget_s)
    if sweep.target is not None:
        checks.finite("target", sweep.target)
    if sweep.report_timeout_s not in (None, "auto"):
        checks.positive("report_timeout_s", sweep.report_timeout_s)
    if sweep.trials is None and sweep.grid() is None:
        raise ValueError(
            "trials must be given, since the space is not a grid only: give the number of trials."
        )


def check_choices(sweep: Any) -> None:
    """Check that mode, search, aggregate and scheduler are known and can be combined."""
    _check_one_of("mode", sweep.mode, ("max", "min"))
    _check_one_of("search", sweep.search, SEARCHES)
    _check_one_of("aggregate", sweep.aggregate, AGGREGATES)
    _check_scheduler(sweep.scheduler)
    if sweep.objectives and sweep.search == "cmaes":
        raise ValueError(
            "The search 'cmaes' supports one objective only: use 'tpe', 'nsga2' or 'gp', or drop"
            " objectives."
        )
    if sweep.objectives and sweep.search == "freeze_thaw":
        raise ValueError(
            "The search 'freeze_thaw' compares trials by one value: use 'nsga2', or drop"
            " objectives."
        )
    if sweep.scheduler is not None and sweep.search == "freeze_thaw":
        raise ValueError(
            "The search 'freeze_thaw' pauses trials by itself: use scheduler=None, or another"
            " search."
        )
    if sweep.objectives and sweep.search == "tpe" and sweep.scheduler is not None:
        raise ValueError(
            "TPE cannot learn several objectives from stopped trials: use search='nsga2', or"
            " scheduler=None."
        )


def _check_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}.")


def _check_scheduler(scheduler: object) -> None:
    is_scheduler = not isinstance(scheduler, type) and hasattr(scheduler, "choose_trial_to_run")
    if scheduler is not None and scheduler not in SCHEDULERS and not is_scheduler:
        named = ", ".join(map(repr, SCHEDULERS))
        raise ValueError(
            f"scheduler must be None, {named}, or a scheduler object of ray.tune, got"
            f" {scheduler!r}."
        )


def check_resources(resources: Mapping[str, Any]) -> None:
    """Check that a trial requests resources by Ray's names."""
    if not resources:
        raise ValueError("resources is empty: give what a trial needs, such as {'cpu': 1}.")
    for name, amount in resources.items():
        checks.text("Each name in resources", name)
        singular = name.lower().rstrip("s")
        if singular in ("cpu", "gpu") and singular != name:
            raise ValueError(f"resources names {name!r}: did you mean {singular!r}?")
        if (name, amount) == ("gpu", AUTO):
            continue
        if isinstance(amount, str):
            choice = f" or {AUTO!r}" if name == "gpu" else ""
            raise ValueError(f"resources[{name!r}] must be a number{choice}, got {amount!r}.")
        if checks.finite(f"resources[{name!r}]", amount) < 0:
            raise ValueError(f"resources[{name!r}] must not be negative, got {amount}.")
