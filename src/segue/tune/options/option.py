"""The declaration of an option of `segue run`, and checks of the values that are given for one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segue.base import checks
from segue.plan.sweeps.checks import AUTO
from segue.plan.sweeps.sweep import Sweep


@dataclass(frozen=True, kw_only=True)
class Option:
    """The declaration of an option: how it is written, explained, checked and applied."""

    help: str
    """What the option does, without a full stop."""
    default: str
    """What holds without the option, in words."""
    metavar: str = ""
    """The placeholder of the value in the help; empty for a flag."""
    typed: Any = None
    """The type that the command line reads, where it is not that of the field."""
    environment: str | None = None
    """The environment variable that gives the value where the command line does not."""
    check: Callable[[str, Any], Any] | None = None
    """Return the value as the kind that the field holds; raise TypeError or ValueError, naming the
    option by the first argument."""
    replaces: Callable[[Sweep, Any], dict[str, Any]] | None = None
    """Return the fields of the sweep that the value replaces."""


def replaces_field(name: str, factor: int = 1) -> Callable[[Sweep, Any], dict[str, Any]]:
    """Return a function for `Option.replaces` that gives a field the value times `factor`."""
    return lambda sweep, value: {name: value * factor}


def gpu_share(sweep: Sweep, share: float | str) -> dict[str, Any]:
    """Return the resources of a sweep with another GPU share."""
    return {"resources": {**sweep.resources, "gpu": share}}


def check_rows(name: str, value: object) -> int | str:
    """Return a number of trials side by side, or "auto"."""
    if value == AUTO:
        return AUTO
    try:
        return checks.count(name, int(value) if isinstance(value, str) else value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be a whole number of at least 1 or {AUTO}, got {value!r}."
        ) from error


def check_gpu_share(name: str, value: object) -> float | str:
    """Return a GPU share as a number, or "auto"."""
    if value == AUTO:
        return AUTO
    try:
        share = checks.finite(name, float(value) if isinstance(value, str) else value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a number or {AUTO}, got {value!r}.") from error
    if share < 0:
        raise ValueError(f"{name} must not be negative, got {share:g}.")
    return share


def check_assignments(name: str, value: object) -> Mapping[str, Any]:
    """Return the values of names, of a mapping or of texts NAME=VALUE."""
    if isinstance(value, Mapping):
        return dict(value)
    found: dict[str, Any] = {}
    for text in checks.names(name, value):
        parameter, equals, typed = (part.strip() for part in text.partition("="))
        if not (parameter and equals and typed):
            raise ValueError(f"{name} must be NAME=VALUE, such as lr=3e-4, got {text!r}.")
        if parameter in found:
            raise ValueError(f"{name} gives {parameter!r} twice: give each name one value.")
        found[parameter] = typed
    return found


def check_listed(name: str, value: object) -> tuple[str, ...]:
    """Return the names of a list, or of a text in which commas separate them."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    return checks.names(name, value)
