"""The parameters of a Typer command that takes the options of `segue.tune.options.options`."""

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Annotated, Any, get_type_hints

import typer

from segue.tune.options.options import DECLARED, Options, flag_of

Command = Callable[..., int]


def with_options(*names: str) -> Callable[[Command], Command]:
    """Return a decorator that replaces the `**options` of a command by declared options.

    Args:
        names: The fields of `Options` for each of which the command gets a parameter.
    """
    hints = get_type_hints(Options)
    added = [_parameter(name, hints[name]) for name in names]

    def decorate(command: Command) -> Command:
        own = [
            parameter
            for parameter in inspect.signature(command).parameters.values()
            if parameter.kind is not Parameter.VAR_KEYWORD
        ]
        command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        return command

    return decorate


def options_of(given: dict[str, Any]) -> Options:
    """Return the options that a command was given; an option that was left out has its default."""
    return Options(**{name: value for name, value in given.items() if value is not None})


def _parameter(name: str, hint: Any) -> Parameter:
    declared = DECLARED[name]
    info = typer.Option(
        flag_of(name),
        help=f"{declared.help}. Default: {declared.default}.",
        metavar=declared.metavar or None,
        envvar=declared.environment,
        show_envvar=False,
    )
    return Parameter(
        name,
        Parameter.KEYWORD_ONLY,
        default=False if hint is bool else None,
        annotation=Annotated[declared.typed or hint, info],
    )
