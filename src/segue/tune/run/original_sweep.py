"""The sweep of a run, loaded from the sweep's file: a run directory has no code that is run."""

from dataclasses import replace
from pathlib import Path

from segue.plan.sweeps.points.pins import pin
from segue.plan.sweeps.sweep import Sweep
from segue.record.files.definition import RunDefinition, read_definition
from segue.record.files.differences import differences
from segue.tune.code.remembered_files import remembered_file
from segue.tune.code.sweep_file import load_sweep, sweep_files
from segue.tune.run.directory import RunDirectory

_GIVEN_BY_OPTIONS = ("seeds",)  # which a command line may give in place of the sweep's file


def sweep_of(run: RunDirectory, file: Path | None = None) -> Sweep:
    """Load the sweep of a run from `file`, or from the file that the run was started with.

    The latter is the file that this machine remembers, or else the sweep file of the run's name.
    Raises ValueError where there is no such file, and where its definition is not the run's.
    """
    recorded = read_definition(run)
    if file is not None and not file.is_file():
        raise ValueError(f"--sweep {file} is not a file: give the file of the sweep.")
    path = file or _find(run, recorded.name)
    loaded = load_sweep(path)
    given = {name: recorded.sweep.get(name, getattr(loaded, name)) for name in _GIVEN_BY_OPTIONS}
    sweep = _repinned(replace(loaded, **given), recorded, path)
    changed = differences(recorded.sweep, sweep.describe())
    if changed:
        stored = (
            f" The file that the run used is stored: --sweep {run.source}."
            if _is_other(run.source, path)
            else ""
        )
        raise ValueError(
            f"{path} differs from the definition of {run.path} ({'; '.join(changed[:3])}).{stored}"
        )
    return sweep


def _repinned(sweep: Sweep, recorded: RunDefinition, path: Path) -> Sweep:
    """Return the sweep with the names pinned that the run's command line has pinned."""
    try:
        return pin(sweep, recorded.pinned)
    except ValueError as error:
        raise ValueError(f"{path} differs from the definition of the run. {error}") from error


def _find(run: RunDirectory, name: str) -> Path:
    """Return the file of a run: never a path that the run names, since the file is executed."""
    remembered = remembered_file(run.shown)
    if remembered:
        return remembered
    files = sweep_files()
    if name not in files:
        stored = f" (the run's own is stored at {run.source})" if run.source.exists() else ""
        raise ValueError(
            f"The sweep {name!r} of {run.path} is not here: give its file with --sweep{stored}."
        )
    return files[name]


def _is_other(stored: Path, used: Path) -> bool:
    return stored.exists() and stored.resolve() != used.resolve()
