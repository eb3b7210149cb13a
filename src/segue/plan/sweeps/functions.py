"""Functions of names in a sweep's space: the names that they take, and how they fail at a point."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import Parameter, signature
from typing import Any

from segue.base.suggestions import nearest
from segue.base.text import error_text

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def keyword_names(function: Callable[..., Any]) -> list[str]:
    """Return the names of the keywords of a function."""
    parameters = signature(function).parameters
    return [name for name, each in parameters.items() if each.kind in _NAMED]


def takes(function: Callable[..., Any], name: str) -> bool:
    """Return whether a function takes a keyword of this name."""
    parameters = signature(function).parameters
    takes_any = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    return takes_any or name in keyword_names(function)


def taken_by(function: Callable[..., Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a point that a function takes."""
    return {name: value for name, value in point.items() if takes(function, name)}


def check_required(
    field: str, function: Callable[..., Any], names: Iterable[str], at: str = "", instead: str = ""
) -> None:
    """Raise ValueError if the function of a field requires a name that the space lacks.

    `at` names the point at which the space has these names, `instead` what else the function may
    take.
    """
    known = list(names)
    parameters = signature(function).parameters
    for name in keyword_names(function):
        if parameters[name].default is Parameter.empty and name not in known:
            found = nearest(name, known)
            remedy = f"did you mean {found!r}?" if found else "add it, or give it a default."
            raise ValueError(
                f"The {field} function takes {name!r}, which the space lacks{at}:"
                f" {remedy[:-1]}{instead}{remedy[-1]}"
            )


@contextmanager
def failing_at(field: str, point: Mapping[str, Any]) -> Iterator[None]:
    """Raise ValueError, with the point, where the function of a field fails inside."""
    try:
        yield
    except (Exception, SystemExit) as error:
        sentence = " ".join(str(error).split()) if isinstance(error, ValueError | TypeError) else ""
        message = sentence or error_text(error)
        raise ValueError(f"The {field} function fails at {dict(point)}: {message}") from error
