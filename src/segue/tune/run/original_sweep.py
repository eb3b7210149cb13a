"""The sweep that a run directory holds, from its file: a run directory has no code that is run
unasked.
"""

from dataclasses import replace
from pathlib import Path

from segue.plan.sweeps.sweep import Sweep
from segue.record.definition import read_definition
from segue.tune.run.differences import differences
from segue.tune.run.directory import RunDirectory
from segue.tune.run.sweep_file import find_sweep, load_sweep

_GIVEN_BY_OPTIONS = (
    "seeds",
)  # of what is asked, what a command line may give in place of the sweep's file


def sweep_of(run: RunDirectory, file: Path | None = None) -> Sweep:
    """Load the sweep of a run from `file`, or from the sweep of its name; it must ask what the run
    asked.

    Raises ValueError where there is no such file, and where it asks something else by now.
    """
    recorded = read_definition(run)
    path = file or _find(run, recorded.name)
    loaded = load_sweep(path)
    given = {name: recorded.sweep.get(name, getattr(loaded, name)) for name in _GIVEN_BY_OPTIONS}
    sweep = replace(loaded, **given)
    changed = differences(recorded.sweep, sweep.describe())
    if changed:
        kept = (
            f" The file that the run used is kept: --sweep {run.source}."
            if _is_other(run.source, path)
            else ""
        )
        raise ValueError(
            f"{path} asks something else than {run.path} did ({'; '.join(changed[:3])}).{kept}"
        )
    return sweep


def _find(run: RunDirectory, name: str) -> Path:
    try:
        return find_sweep(name)
    except ValueError as error:
        kept = f" (the one that ran is kept at {run.source})" if run.source.exists() else ""
        raise ValueError(
            f"The sweep {name!r} of {run.path} is not here: give its file with --sweep{kept}."
        ) from error


def _is_other(kept: Path, used: Path) -> bool:
    return kept.exists() and kept.resolve() != used.resolve()
