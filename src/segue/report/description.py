"""What a sweep asks, for people, before it is run."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from segue.plan.sweeps.objectives import StepsTo
from segue.plan.sweeps.sweep import Sweep

_WIDTH = 72
_LABEL = 13


def describe_sweep(
    sweep: Sweep, name: str, title: str, remarks: Sequence[tuple[str, str]] = ()
) -> str:
    """The space, the plan, the most steps it can take, and the pipeline at the first corner of the
    space.

    `remarks` are further lines of the plan, each a label and what to know.
    """
    corner = sweep.corners()[0]
    lines = [f"{name}: {title}" if title else name, *_plan(sweep)]
    for label, remark in remarks:
        lines += _entry(label, remark)
    lines += _space(sweep)
    at = ", ".join(f"{parameter}={value}" for parameter, value in corner.items())
    return "\n".join(
        [
            *lines,
            *_entry("pipeline at", at),
            textwrap.indent(sweep.pipeline(**corner).to_text(), "  "),
        ]
    )


def _space(sweep: Sweep) -> Iterator[str]:
    if callable(sweep.space):
        yield from _entry(
            "space", f"what {getattr(sweep.space, '__name__', 'a function')} asks for"
        )
        return
    yield "space"
    for parameter in sweep.space:
        yield from _entry(parameter, _domain(sweep.describe()[f"space.{parameter}"]), indent=2)


def _plan(sweep: Sweep) -> Iterator[str]:
    grid, points = sweep.grid() or [], len(sweep.points)
    world = (
        sweep.world
        if isinstance(sweep.world, str)
        else getattr(sweep.world, "__qualname__", repr(sweep.world))
    )
    evaluation = sweep.evaluation
    yield from _entry("world", f"{world}, {_counted(sweep.lanes, 'lane')} a seed")
    yield from _entry(
        "judged by",
        f"{sweep.metric} ({sweep.mode}), every {evaluation.every:,} steps, "
        f"{_counted(evaluation.episodes, 'episode')}{', greedy' * evaluation.greedy}",
    )
    for what, mode in sweep.objectives:
        yield from _entry(
            "and by", f"{what if isinstance(what, str) else _steps_to(sweep, what)} ({mode})"
        )
    if sweep.constraints:
        yield from _entry("allowed if", ", ".join(f"{name} <= 0" for name in sweep.constraints))
    planned = len(sweep.planned())
    trials = sweep.trials if sweep.trials is not None else planned
    parts = [f"{_counted(points, 'point')} given"] * bool(points) + [
        f"the grid of {len(grid)}"
    ] * bool(grid)
    parts += [sweep.search] * (trials > planned)
    scheduler = (
        sweep.scheduler if isinstance(sweep.scheduler, str) else type(sweep.scheduler).__name__
    )
    yield from _entry("trials", f"{trials}, {', then '.join(parts)}")
    yield from _entry(
        "seeds",
        f"{sweep.seeds} a trial{f', of which the {sweep.aggregate} counts' * (sweep.seeds > 1)}",
    )
    yield from _entry(
        "stopped by",
        "nothing: every trial runs to its end" if sweep.scheduler is None else scheduler,
    )
    most = min(_most_steps(sweep, trials), sweep.max_env_steps or _most_steps(sweep, trials))
    yield from _entry("steps", f"{most:,} at most")
    if sweep.target is not None:
        yield from _entry(
            "ends with", f"the first trial that ends with {sweep.metric} {sweep.target:g}"
        )


def _steps_to(sweep: Sweep, objective: StepsTo) -> str:
    """An objective for people."""
    return f"the steps to {sweep.metric} {objective.value:g}"


def _most_steps(sweep: Sweep, trials: int) -> int:
    grid = (sweep.grid() or [])[:trials]
    longest = max(sweep.pipeline(**corner).total_steps for corner in sweep.corners())
    planned = sum(sweep.pipeline(**point).total_steps for point in grid)
    return (planned + max(trials - len(grid), 0) * longest) * sweep.seeds


def _domain(described: Any) -> str:
    if not isinstance(described, dict) or len(described) != 1:
        return f"always {described}"
    kind, values = next(iter(described.items()))
    return (
        f"{kind} {', '.join(str(value) for value in values)}"
        if isinstance(values, list)
        else f"{kind} {values}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _entry(label: str, text: str, indent: int = 0) -> list[str]:
    first = f"{' ' * indent}{label:<{_LABEL}} "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=" " * (_LABEL + indent + 1)
    ) or [first]
