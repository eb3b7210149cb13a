"""A pipeline as text, on lines that fit a narrow terminal."""

import dataclasses
import functools
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from segue.plan.pipelines.settings import TrainingSettings
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.spaces.choices import is_same
from segue.plan.values.builder import Builder

_WIDTH = 72
_LABEL = 12


def pipeline_text(
    title: str, shared: Iterable[tuple[str, object]], stages: Iterable[PipelineStage]
) -> str:
    """Return a title, the shared entries (label and value), and each stage with its overrides.

    Lines are at most 72 characters long, so long as no word is longer.
    """
    lines = [title]
    for label, value in shared:
        parts = _pairs(value.given) if isinstance(value, TrainingSettings) else [short_text(value)]
        lines += _entry(label, parts)
    listed = tuple(stages)
    for number, stage in enumerate(listed, start=1):
        lines += [f"stage {number} of {len(listed)}", *_stage(stage)]
    return "\n".join(lines)


def _stage(stage: PipelineStage) -> Iterator[str]:
    yield from _entry("steps", [f"{stage.step_limit:,}"])
    if stage.loss_name:
        weighed = zip(stage.loss_name, stage.loss_weights, strict=True)
        yield from _entry("losses", [f"{weight:g} {name}" for name, weight in weighed])
    if stage.start_from is not None:
        yield from _entry("starts from", [repr(stage.start_from)])
    if stage.teacher_forcing is not None:
        yield from _entry("teacher", [short_text(stage.teacher_forcing)])
    if stage.early_stopping_criterion is not None:
        yield from _entry("stops early", [short_text(stage.early_stopping_criterion)])
    if stage.offpolicy_component is not None:
        component = stage.offpolicy_component
        yield from _entry(
            "off-policy",
            [f"{component.updates} updates per rollout of {', '.join(component.loss_names)}"],
        )
    if stage.given:
        yield from _entry("overrides", _pairs(stage.given))


def _entry(label: str, parts: Iterable[str]) -> list[str]:
    indent = " " * (_LABEL + 2)
    first = f"  {label:<{_LABEL}}" if len(label) < _LABEL else f"  {label} "
    return textwrap.wrap(", ".join(parts), _WIDTH, initial_indent=first, subsequent_indent=indent)


def _pairs(values: Mapping[str, object]) -> list[str]:
    return [f"{name} {value}" for name, value in values.items()]


def shown(value: object) -> str:
    """Return a value as short text: a string as it is, a dataclass without its defaults."""
    if isinstance(value, str):
        return value
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return short_text(value)
    given = [
        f"{entry.name}={short_text(getattr(value, entry.name))}"
        for entry in dataclasses.fields(value)
        if not _is_default(entry, getattr(value, entry.name))
    ]
    return f"{type(value).__qualname__}({', '.join(given)})"


def _is_default(entry: "dataclasses.Field[object]", value: object) -> bool:
    if entry.default_factory is not dataclasses.MISSING:
        return is_same(value, entry.default_factory())
    return is_same(value, entry.default)


def short_text(value: object) -> str:
    """Return a value as short text: Builders and partial functions as calls, functions by name."""
    if isinstance(value, Builder):
        keywords = ", ".join(
            f"{name}={short_text(entry)}" for name, entry in (value.default | value.kwargs).items()
        )
        return f"{short_text(value.class_type)}({keywords})"
    if isinstance(value, functools.partial):
        arguments = [
            *map(short_text, value.args),
            *(f"{name}={short_text(entry)}" for name, entry in value.keywords.items()),
        ]
        return f"{short_text(value.func)}({', '.join(arguments)})"
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        entries = ", ".join(map(short_text, value))
        if isinstance(value, list):
            return f"[{entries}]"
        return f"({entries},)" if len(value) == 1 else f"({entries})"
    if hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    shown = repr(value)
    return type(value).__qualname__ if " at 0x" in shown else shown
