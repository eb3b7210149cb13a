"""Open a run directory: lock it, check its sweep, and record the start."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from segue.base.files import write_atomic
from segue.base.lock import ORPHAN_SECONDS, LockedError, locked
from segue.plan.sweeps.sweep import Sweep
from segue.record.files.definition import RunDefinition, name_of, read_definition
from segue.record.files.differences import differences, unacceptable_difference
from segue.tune.code.provenance import provenance, uncommitted_changes
from segue.tune.code.remembered_files import remember_file
from segue.tune.code.sweep_file import docstring
from segue.tune.code.sweep_source import SweepSource
from segue.tune.run.directory import RunDirectory
from segue.tune.run.stored import move_aside

_SHOWN_DIFFERENCES = 3


@contextmanager
def open_run(
    run: RunDirectory,
    sweep: Sweep,
    name: str,
    *,
    fresh: bool = False,
    accept_changes: bool = False,
    source: Path | None = None,
    study: Mapping[str, str] | None = None,
    search: str = "",
    longest_trial: int = 0,
    say: Callable[[str], None] = print,
) -> Iterator[None]:
    """Lock the directory for a run of `sweep` under `name`, and record that it was started.

    `source` is the sweep's file. `study` is the location of the study, if it is not in the
    directory. `search` is the search that `search="auto"` has chosen and why, for the report.
    `longest_trial` is how many environment steps a trial takes at most, over all its members.

    With `fresh`, an earlier run is moved aside first, to a name that ends with the date, which
    `say` is called with; nothing is deleted. With `accept_changes`, a changed sweep is recorded in
    its new form, together with the old one. Raises ValueError, and changes nothing, for a directory
    that cannot be written, that is in use, that was made by another sweep or by something else,
    whose format is another one, or whose sweep has changed since.
    """
    _check_ours(run, name)
    code = SweepSource.read(source) if source else None  # before it may be moved
    if fresh and run.definition.exists():
        with _locked(run):
            _wait_for_others(run)
            say(f"The earlier run is now {_move_aside(run)}.")
    with _locked(run):
        before = read_definition(run) if run.definition.exists() else None
        if before:
            _check_unchanged(run, before, sweep, code, accept_changes)
        try:
            run.trials.mkdir(exist_ok=True)  # now, rather than by the first worker
            _record(run, before, sweep, name, code, study, search, longest_trial)
        except OSError as error:
            raise _unwritable(run, error) from error
        run.share()
        yield


@contextmanager
def _locked(run: RunDirectory) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(run.lock))
        except OSError as error:
            raise _unwritable(run, error) from error
        except LockedError as error:
            raise ValueError(
                f"The run directory {run.path} is in use by another process: wait until that"
                " ends, or choose another with --run-dir."
            ) from error
        yield


def _unwritable(run: RunDirectory, error: OSError) -> ValueError:
    is_other = error.filename and Path(error.filename) != run.path
    file = f": {error.filename}" if is_other else ""
    return ValueError(
        f"The run directory {run.path} cannot be written ({error.strerror}{file}): choose another"
        " with --run-dir."
    )


def _check_ours(run: RunDirectory, name: str) -> None:
    if run.definition.exists():
        made_by = name_of(run)
        if made_by != name:
            raise ValueError(
                f"The run directory {run.shown} was made by the sweep {made_by!r}, not"
                f" {name!r}: choose another with --run-dir."
            )
    elif run.path.is_dir() and any(entry != run.lock for entry in run.path.iterdir()):
        raise ValueError(
            f"{run.shown} contains files but is not a run directory: choose another with --run-dir."
        )


def _check_unchanged(
    run: RunDirectory,
    before: RunDefinition,
    sweep: Sweep,
    code: SweepSource | None,
    accept_changes: bool,
) -> None:
    if accept_changes:
        _check_acceptable(run, before, sweep)
        return
    found = differences(before.sweep, sweep.describe())
    if found:
        shown = "; ".join(found[:_SHOWN_DIFFERENCES])
        more = len(found) - _SHOWN_DIFFERENCES
        rest = f"; and {more} more" if more > 0 else ""
        sentence = (
            f"The sweep has changed since {run.shown} was made ({shown}{rest}): continue with"
            " --accept-changes, start from scratch with --fresh, which keeps the old run, or choose"
            " another directory with --run-dir."
        )
        raise ValueError("\n".join([sentence, *(code.changed_lines(run) if code else ())]))


def _check_acceptable(run: RunDirectory, before: RunDefinition, sweep: Sweep) -> None:
    """Raise ValueError for a change after which the trials so far would mean something else."""
    change = unacceptable_difference(before.sweep, sweep.describe())
    if change:
        raise ValueError(
            f"The study of {run.shown} does not allow this change ({change}): start from scratch in"
            f" another directory with --run-dir, and add --warm-start {run.shown} to reuse the"
            " results so far."
        )


def _record(
    run: RunDirectory,
    before: RunDefinition | None,
    sweep: Sweep,
    name: str,
    source: SweepSource | None,
    study: Mapping[str, str] | None,
    search: str,
    longest_trial: int,
) -> None:
    earlier = before.runs if before else ()
    if source is not None:
        source.write(run, len(earlier))
        remember_file(run.shown, source.path)
    uncommitted = uncommitted_changes()
    if uncommitted:
        write_atomic(run.uncommitted(len(earlier)), uncommitted)
    started = {
        "started": datetime.now().astimezone().isoformat(timespec="milliseconds"),
        "trials": sweep.requested_trials,
        "max_env_steps": sweep.max_env_steps,
        "target": sweep.target,
        "longest_trial": longest_trial,
        **({"search": search} if search else {}),
    }
    RunDefinition(
        name=name,
        fingerprint=sweep.fingerprint,
        sweep=sweep.describe(),
        runs=(*earlier, {**started, **provenance(), **_changes(before, sweep)}),
        study=study,
        question="" if source is None else " ".join(docstring(source.text).split()),
    ).write(run)


def _changes(before: RunDefinition | None, sweep: Sweep) -> dict[str, Any]:
    """Return what is recorded of a sweep that has changed since the run was started last."""
    found = differences(before.sweep, sweep.describe()) if before else []
    if before is None or not found:
        return {}
    return {"changes": found, "definition_before": dict(before.sweep)}


def _wait_for_others(run: RunDirectory) -> None:
    """Wait until nobody trains in the run, neither a worker of a killed driver nor a retraining.

    It would write into the new run. Raises ValueError where that takes too long.
    """
    for lock in run.path.rglob(run.lock.name):
        if lock == run.lock:
            continue
        try:
            with suppress(OSError), locked(lock, wait_seconds=ORPHAN_SECONDS):
                pass
        except LockedError as error:
            raise ValueError(str(error)) from error


def _move_aside(run: RunDirectory) -> str:
    """Move a run to another name, and return where it is now."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    if run.store:
        move_aside(run.store, stamp)
    run.path.rename(run.path.with_name(f"{run.path.name}.{stamp}"))
    return f"{run.shown}.{stamp}"
