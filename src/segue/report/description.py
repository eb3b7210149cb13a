"""A sweep described for people before it runs: `--describe`."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segue.base.text import assignments, plural
from segue.plan.pipelines.text import short_text, shown
from segue.plan.spaces.pins import PinnedSpace
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.functions import keyword_names
from segue.plan.sweeps.objectives import StepsTo
from segue.plan.sweeps.points.corners import Corners, trained_steps_at
from segue.plan.sweeps.setup import functions_of_space, is_function_of_space
from segue.plan.sweeps.stages import TrainerPlan
from segue.plan.sweeps.sweep import Sweep

_WIDTH = 72
_LABEL = 13
_LONGEST_LABEL = 30  # of a name of the space, beyond which the column of values is not moved


def describe_sweep(
    sweep: Sweep,
    corners: Corners,
    name: str,
    title: str,
    scheduler: str,
    remarks: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the sweep's plan, space and budget, and the setup at the first corner of its space.

    Args:
        sweep: The sweep to describe.
        corners: The setups at the corners of its space.
        name: Its name, the first word of the text.
        title: The question that it asks, or an empty string.
        scheduler: The scheduler in words.
        remarks: Further lines of the plan, each a label and its text.
    """
    lines = [f"{name}: {title}" if title else name, *_plan(sweep, corners, scheduler)]
    for label, remark in remarks:
        lines += _entry(label, remark)
    lines += _space(sweep)
    lines += _first_corner(sweep, corners)
    return "\n".join(lines)


def _first_corner(sweep: Sweep, corners: Corners) -> Iterator[str]:
    point = _point(corners.points[0])
    plan = corners.plans[0]
    if isinstance(plan, TrainerPlan):
        yield from _entry("stages at", point)
        yield textwrap.indent(plan.to_text(short_text(sweep.trainer)), "  ")
        return
    setup = corners.setups[0]
    yield from _entry("pipeline at", point)
    for part in functions_of_space(sweep):
        if part != "pipeline":
            yield from _entry(part, shown(getattr(setup, part)), indent=2)
    yield textwrap.indent(setup.pipeline.to_text(), "  ")


def _point(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{parameter}={value}" for parameter, value in values.items())


def _space(sweep: Sweep) -> Iterator[str]:
    if sweep.pinned:
        yield from _entry("pinned", assignments(sweep.pinned))
    space: Any = sweep.space
    if callable(space):
        while isinstance(space, PinnedSpace):
            space = space.function
        function = getattr(space, "__name__", "a function")
        yield from _entry("space", f"defined by {function}(trial)")
        return
    yield "space"
    width = min(max([_LABEL, *map(len, space)]), _LONGEST_LABEL)
    described = sweep.describe()
    for parameter in space:
        domain = _domain(described[f"space.{parameter}"])
        yield from _entry(parameter, domain, indent=2, width=width)


def _plan(sweep: Sweep, corners: Corners, scheduler: str) -> Iterator[str]:
    planned = len(sweep.planned())
    trials = sweep.requested_trials
    yield from _setup(sweep, corners) if sweep.trainer is None else _trainer(sweep)
    for quantity, mode in sweep.objectives:
        what = quantity if isinstance(quantity, str) else _steps_to(sweep, quantity)
        yield from _entry("objective", f"{what} ({mode})")
    if sweep.constraints:
        yield from _entry("constraints", ", ".join(f"{name} <= 0" for name in sweep.constraints))
    yield from _entry("trials", f"{trials}: {', then '.join(_sources(sweep, trials > planned))}")
    if sweep.points:
        yield from _entry("first point", _point(sweep.points[0]))
    aggregate = f", aggregated by {sweep.aggregate}" if sweep.seeds > 1 else ""
    yield from _entry("seeds", f"{sweep.seeds} per trial{aggregate}")
    yield from _entry("scheduler", scheduler)
    yield from _entry(
        "budget", f"at most {_most_steps(sweep, corners, trials):,} environment steps"
    )
    if sweep.target is not None:
        goal = f"{sweep.metric} {sweep.target:g}, reached by a trial at its end"
        yield from _entry("target", goal)


def _setup(sweep: Sweep, corners: Corners) -> Iterator[str]:
    """Yield what a trial of a pipeline trains."""
    setup = corners.setups[0]
    world = _part(sweep, "world", shown(setup.world))
    if is_function_of_space("lanes", sweep.lanes):
        yield from _entry("world", world)
        yield from _entry("lanes", f"{_part(sweep, 'lanes', '')}, per seed")
    else:
        yield from _entry("world", f"{world}, {plural(setup.lanes, 'lane')} per seed")
    yield from _entry("policy", _part(sweep, "policy", _policy(setup.policy)))
    evaluation = _part(sweep, "evaluation", _evaluation(setup.evaluation))
    yield from _entry("evaluation", f"{sweep.metric} ({sweep.mode}), {evaluation}")


def _trainer(sweep: Sweep) -> Iterator[str]:
    """Yield what a trial with a trainer of the sweep's own is given."""
    yield from _entry("trainer", short_text(sweep.trainer))
    if sweep.world is not None:
        yield from _entry("world", shown(sweep.world))
    evaluation = sweep.evaluation
    when = f", {_evaluation(evaluation)}" if isinstance(evaluation, Evaluation) else ""
    yield from _entry("evaluation", f"{sweep.metric} ({sweep.mode}){when}")


def _evaluation(evaluation: Evaluation) -> str:
    policy = ", greedy" if evaluation.greedy else ""
    episodes = plural(evaluation.episodes, "episode")
    return f"every {evaluation.every:,} steps, {episodes}{policy}"


def _sources(sweep: Sweep, searches: bool) -> Iterator[str]:
    """Yield where the trials come from, in the order in which they are tried."""
    if sweep.points:
        yield f"{plural(len(sweep.points), 'point')} listed in the sweep"
    if grid := sweep.grid():
        yield f"the grid of {len(grid)}"
    if searches:
        yield sweep.search


def _policy(policy: Any) -> str:
    return "the default for the world's observations" if policy is None else shown(policy)


def _part(sweep: Sweep, part: str, text: str) -> str:
    """Return the names that a field of the sweep is a function of, or the text of its value."""
    value = getattr(sweep, part)
    if not is_function_of_space(part, value):
        return text
    names = ", ".join(keyword_names(value))
    return f"a function of {names}" if names else "a function"


def _steps_to(sweep: Sweep, objective: StepsTo) -> str:
    return f"environment steps to {sweep.metric} {objective.value:g}"


def _most_steps(sweep: Sweep, corners: Corners, trials: int) -> int:
    """Return the most environment steps that the sweep can take, over all trials and seeds."""
    grid = (sweep.grid() or [])[:trials]
    planned = sum(trained_steps_at(sweep, point) for point in grid)
    steps = (planned + max(trials - len(grid), 0) * corners.longest_training) * sweep.seeds
    return min(steps, sweep.max_env_steps or steps)


def _domain(described: Any) -> str:
    if not isinstance(described, dict) or len(described) != 1:
        return f"always {described}"
    kind, values = next(iter(described.items()))
    if isinstance(values, list):
        return f"{kind} {', '.join(str(value) for value in values)}"
    return f"{kind} {values}"


def _entry(label: str, text: str, indent: int = 0, width: int = _LABEL) -> list[str]:
    first = f"{' ' * indent}{label:<{width}} "
    following = " " * (width + indent + 1)
    wrapped = textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=following)
    return wrapped or [first]
