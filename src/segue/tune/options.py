"""How a sweep is run: each option of `segue run`, declared once.

From the fields of `Options` follow the parameters of the command, the values that replace a
sweep's own, and what the tables of the documentation must hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from segue.base import checks
from segue.base.paths import place
from segue.plan.sweeps.checks import AUTO
from segue.plan.sweeps.sweep import Sweep

_SECONDS_PER_HOUR = 3600


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


def _replaces(name: str, factor: int = 1) -> Callable[[Sweep, Any], dict[str, Any]]:
    return lambda sweep, value: {name: value * factor}


def _gpu_share(sweep: Sweep, share: float | str) -> dict[str, Any]:
    return {"resources": {**sweep.resources, "gpu": share}}


def _check_gpu_share(name: str, value: object) -> float | str:
    if value == AUTO:
        return AUTO
    try:
        share = checks.finite(name, float(value) if isinstance(value, str) else value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a number or {AUTO}, got {value!r}.") from error
    if share < 0:
        raise ValueError(f"{name} must not be negative, got {share:g}.")
    return share


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a sweep is run.

    Of these, only `seeds` changes what the trials compute. Raise ValueError, naming the option as
    it is typed, for a value that cannot work.
    """

    trials: Annotated[
        int | None,
        Option(
            help="Number of trials",
            default="the sweep's",
            metavar="N",
            check=checks.count,
            replaces=_replaces("trials"),
        ),
    ] = None
    seeds: Annotated[
        int | None,
        Option(
            help="Seeds (members) per trial",
            default="the sweep's",
            metavar="N",
            check=checks.count,
            replaces=_replaces("seeds"),
        ),
    ] = None
    max_steps: Annotated[
        int | None,
        Option(
            help="Environment steps that all trials may take together",
            default="the sweep's",
            metavar="N",
            check=checks.count,
            replaces=_replaces("max_env_steps"),
        ),
    ] = None
    max_hours: Annotated[
        float | None,
        Option(
            help="Hours after which this run ends; the same command resumes it",
            default="the sweep's",
            metavar="HOURS",
            check=checks.positive,
            replaces=_replaces("time_budget_s", _SECONDS_PER_HOUR),
        ),
    ] = None
    target: Annotated[
        float | None,
        Option(
            help="End the sweep when a trial ends with this metric",
            default="the sweep's",
            metavar="X",
            check=checks.finite,
            replaces=_replaces("target"),
        ),
    ] = None
    warm_start: Annotated[
        Path | str | None,
        Option(
            help="Run directory, or URL of one, from whose finished trials the search learns",
            default="none",
            metavar="RUN",
            typed=str | None,
            check=place,
        ),
    ] = None
    fresh: Annotated[
        bool,
        Option(
            help="Start from scratch; an old run is moved aside, never deleted",
            default="resume",
        ),
    ] = False
    accept_changes: Annotated[
        bool,
        Option(
            help="Resume although the sweep has changed since the run started",
            default="refuse",
        ),
    ] = False
    address: Annotated[
        str | None,
        Option(
            help="Address of a running Ray cluster, such as 'auto'",
            default="a private Ray on this machine",
            metavar="ADDRESS",
            check=checks.text,
        ),
    ] = None
    concurrency: Annotated[
        int | None,
        Option(
            help="Number of trials that run at once",
            default="the sweep's, or as many as fit",
            metavar="N",
            check=checks.count,
            replaces=_replaces("concurrency"),
        ),
    ] = None
    gpus: Annotated[
        float | Literal["auto"] | None,
        Option(
            help="GPU share per trial (0.25, 1, or 'auto' to measure it)",
            default="the sweep's",
            metavar="SHARE",
            typed=str | None,
            check=_check_gpu_share,
            replaces=_gpu_share,
        ),
    ] = None
    log_to: Annotated[
        tuple[str, ...],
        Option(
            help="Service that logs every trial: wandb or mlflow; may be repeated",
            default="none",
            metavar="SERVICE",
            typed=list[str] | None,
            check=checks.names,
        ),
    ] = ()
    notify: Annotated[
        str | None,
        Option(
            help="URL (http or https) or shell command to notify when the sweep ends or stalls",
            default="SEGUE_NOTIFY",
            metavar="TARGET",
            environment="SEGUE_NOTIFY",
        ),
    ] = None
    storage: Annotated[
        str | None,
        Option(
            help="Database of the study, such as postgresql+psycopg://USER@HOST/NAME",
            default="a file in the run directory",
            metavar="URL",
        ),
    ] = None

    def __post_init__(self) -> None:
        for name, option in DECLARED.items():
            value = getattr(self, name)
            if option.check is None or value is None:
                continue
            try:
                object.__setattr__(self, name, option.check(flag_of(name), value))
            except TypeError as error:
                raise ValueError(str(error)) from error


def _declared() -> dict[str, Option]:
    hints = get_type_hints(Options, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


DECLARED: Mapping[str, Option] = _declared()
"""The declaration of each field of `Options`, by its name."""


def flag_of(name: str) -> str:
    """Return how an option is typed.

    >>> flag_of("max_steps")
    '--max-steps'
    """
    return "--" + name.replace("_", "-")


def overridden(sweep: Sweep, options: Options) -> Sweep:
    """Return the sweep with the values that the options give in place of its own."""
    changes: dict[str, Any] = {}
    for name, option in DECLARED.items():
        value = getattr(options, name)
        if option.replaces is not None and value is not None:
            changes |= option.replaces(sweep, value)
    return replace(sweep, **changes)
