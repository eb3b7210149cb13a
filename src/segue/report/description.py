"""A sweep described for people before it runs: `--describe`."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segue.base.text import plural
from segue.plan.pipelines.text import in_short
from segue.plan.sweeps.corners import Corners
from segue.plan.sweeps.objectives import StepsTo
from segue.plan.sweeps.sweep import Sweep

_WIDTH = 72
_LABEL = 13


def describe_sweep(
    sweep: Sweep,
    corners: Corners,
    name: str,
    title: str,
    scheduler: str,
    remarks: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the sweep's plan, space and budget, and the pipeline at the first corner of its space.

    Args:
        sweep: The sweep to describe.
        corners: The pipelines at the corners of its space.
        name: Its name, the first word of the text.
        title: The question that it asks, or an empty string.
        scheduler: The scheduler in words.
        remarks: Further lines of the plan, each a label and its text.
    """
    corner = sweep.corners()[0]
    lines = [f"{name}: {title}" if title else name, *_plan(sweep, corners, scheduler)]
    for label, remark in remarks:
        lines += _entry(label, remark)
    lines += _space(sweep)
    lines += _entry("pipeline at", _point(corner))
    lines.append(textwrap.indent(corners.pipelines[0].to_text(), "  "))
    return "\n".join(lines)


def _point(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{parameter}={value}" for parameter, value in values.items())


def _space(sweep: Sweep) -> Iterator[str]:
    if callable(sweep.space):
        function = getattr(sweep.space, "__name__", "a function")
        yield from _entry("space", f"defined by {function}(trial)")
        return
    yield "space"
    for parameter in sweep.space:
        yield from _entry(parameter, _domain(sweep.describe()[f"space.{parameter}"]), indent=2)


def _plan(sweep: Sweep, corners: Corners, scheduler: str) -> Iterator[str]:
    planned = len(sweep.planned())
    trials = sweep.requested_trials
    yield from _entry("world", f"{_world(sweep)}, {plural(sweep.lanes, 'lane')} per seed")
    yield from _entry("evaluation", _evaluation(sweep))
    for quantity, mode in sweep.objectives:
        what = quantity if isinstance(quantity, str) else _steps_to(sweep, quantity)
        yield from _entry("objective", f"{what} ({mode})")
    if sweep.constraints:
        yield from _entry("constraints", ", ".join(f"{name} <= 0" for name in sweep.constraints))
    yield from _entry("policy", _policy(sweep))
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


def _world(sweep: Sweep) -> str:
    if isinstance(sweep.world, str):
        return sweep.world
    return str(getattr(sweep.world, "__qualname__", repr(sweep.world)))


def _evaluation(sweep: Sweep) -> str:
    evaluation = sweep.evaluation
    policy = ", greedy" if evaluation.greedy else ""
    episodes = plural(evaluation.episodes, "episode")
    return f"{sweep.metric} ({sweep.mode}), every {evaluation.every:,} steps, {episodes}{policy}"


def _sources(sweep: Sweep, searches: bool) -> Iterator[str]:
    """Yield where the trials come from, in the order in which they are tried."""
    if sweep.points:
        yield f"{plural(len(sweep.points), 'point')} listed in the sweep"
    if grid := sweep.grid():
        yield f"the grid of {len(grid)}"
    if searches:
        yield sweep.search


def _policy(sweep: Sweep) -> str:
    return "Network, with its defaults" if sweep.policy is None else in_short(sweep.policy)


def _steps_to(sweep: Sweep, objective: StepsTo) -> str:
    return f"environment steps to {sweep.metric} {objective.value:g}"


def _most_steps(sweep: Sweep, corners: Corners, trials: int) -> int:
    """Return the most environment steps that the sweep can take, over all trials and seeds."""
    grid = (sweep.grid() or [])[:trials]
    planned = sum(sweep.pipeline(**point).trained_steps(sweep.lanes) for point in grid)
    steps = (planned + max(trials - len(grid), 0) * corners.longest_training) * sweep.seeds
    return min(steps, sweep.max_env_steps or steps)


def _domain(described: Any) -> str:
    if not isinstance(described, dict) or len(described) != 1:
        return f"always {described}"
    kind, values = next(iter(described.items()))
    if isinstance(values, list):
        return f"{kind} {', '.join(str(value) for value in values)}"
    return f"{kind} {values}"


def _entry(label: str, text: str, indent: int = 0) -> list[str]:
    first = f"{' ' * indent}{label:<{_LABEL}} "
    following = " " * (_LABEL + indent + 1)
    wrapped = textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=following)
    return wrapped or [first]
