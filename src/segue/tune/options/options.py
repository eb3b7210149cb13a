"""How a sweep is run: each option of `segue run`, declared once.

From the fields of `Options` follow the parameters of the command, the values that replace a
sweep's own, and what the tables of the documentation must hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from segue.base import checks
from segue.base.paths import place
from segue.plan.sweeps.points.pins import pin, search_only
from segue.plan.sweeps.sweep import Sweep
from segue.tune.options.option import (
    Option,
    check_assignments,
    check_gpu_share,
    check_listed,
    check_rows,
    gpu_share,
    replaces_field,
)

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a sweep is run.

    Of these, only `seeds`, `set` and `only` change the definition of the sweep. Raise ValueError,
    naming the option as it is typed, for a value that cannot work.
    """

    trials: Annotated[
        int | None,
        Option(
            help="Number of trials",
            default="the sweep's",
            metavar="N",
            check=checks.count,
            replaces=replaces_field("trials"),
        ),
    ] = None
    seeds: Annotated[
        int | None,
        Option(
            help="Seeds (members) per trial",
            default="the sweep's",
            metavar="N",
            check=checks.count,
            replaces=replaces_field("seeds"),
        ),
    ] = None
    max_steps: Annotated[
        int | None,
        Option(
            help="Environment steps that all trials may take together",
            default="the sweep's",
            metavar="N",
            check=checks.count,
            replaces=replaces_field("max_env_steps"),
        ),
    ] = None
    max_hours: Annotated[
        float | None,
        Option(
            help="Hours after which this run ends; the same command resumes it",
            default="the sweep's",
            metavar="HOURS",
            check=checks.positive,
            replaces=replaces_field("time_budget_s", _SECONDS_PER_HOUR),
        ),
    ] = None
    target: Annotated[
        float | None,
        Option(
            help="End the sweep when a trial ends with this metric",
            default="the sweep's",
            metavar="X",
            check=checks.finite,
            replaces=replaces_field("target"),
        ),
    ] = None
    set: Annotated[
        Mapping[str, Any] | None,
        Option(
            help="Pin a name of the space at a value, such as lr=3e-4; may be repeated",
            default="all names are searched",
            metavar="NAME=VALUE",
            typed=list[str] | None,
            check=check_assignments,
        ),
    ] = None
    only: Annotated[
        tuple[str, ...] | None,
        Option(
            help="Search these names, and pin the others at the first of the sweep's points",
            default="all names are searched",
            metavar="NAME,NAME",
            typed=str | None,
            check=check_listed,
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
            replaces=replaces_field("concurrency"),
        ),
    ] = None
    rows: Annotated[
        int | Literal["auto"] | None,
        Option(
            help="Trials that one worker trains side by side (1, 8, or 'auto')",
            default="the sweep's",
            metavar="N",
            typed=str | None,
            check=check_rows,
            replaces=replaces_field("rows"),
        ),
    ] = None
    gpus: Annotated[
        float | Literal["auto"] | None,
        Option(
            help="GPU share per trial (0.25, 1, or 'auto' to measure it)",
            default="the sweep's",
            metavar="SHARE",
            typed=str | None,
            check=check_gpu_share,
            replaces=gpu_share,
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
    changed = pin(replace(sweep, **changes), options.set or {})
    return search_only(changed, options.only) if options.only else changed
