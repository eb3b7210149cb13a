"""The directory of a sweep's run: who may use it, and what was asked in it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from segue.base.files import write_atomic
from segue.base.lock import LockedError, locked
from segue.plan.sweeps.sweep import Sweep
from segue.store.mirror import Mirror
from segue.store.objects import FEW_WAITS, Store
from segue.tune.run.differences import differences, unacceptable_difference
from segue.tune.run.provenance import provenance, uncommitted_changes
from segue.tune.run.stored import (
    KeptTrial,
    StoredTrial,
    driver_mirror,
    fetched_checkpoint,
    move_aside,
    newest,
)
from segue.tune.run.sweep_file import docstring

LOG = "log.txt"  # what a trial prints, in its directory
_LOCK = "lock"
_SHOWN_DIFFERENCES = 3


@dataclass(frozen=True)
class RunDirectory:
    """Paths of a run: `sweep.json` says what was asked, `study.db` what came of it, `trials/` holds
    the rest.

    A run in a store is worked on in folders of the machines that take part, which are its paths
    there.
    """

    path: Path
    store: Store | None = None

    @property
    def shown(self) -> str:
        """Where the run is kept, for people."""
        return self.store.shown() if self.store else str(self.path)

    @property
    def definition(self) -> Path:
        """What was asked, and by which code: one entry in "runs" for each time it was started or
        continued.
        """
        return self.path / "sweep.json"

    @property
    def source(self) -> Path:
        """A copy of the sweep's file as it was when the run was last started; nothing runs it
        unasked.
        """
        return self.path / "sweep.py"

    @property
    def study(self) -> Path:
        """The Optuna study, in SQLite."""
        return self.path / "study.db"

    @property
    def tune(self) -> Path:
        """What Tune writes for itself; nothing reads it."""
        return self.path / "tune"

    def trial(self, number: int) -> Path:
        """Where a trial keeps its results, checkpoints and log; once it has ended, the driver adds
        what came of it.
        """
        return self.path / self.inside(number)

    def results(self, number: int) -> Path:
        """The rows that a trial has reported."""
        return self.trial(number) / "results.jsonl"

    def newest_checkpoint(self, number: int) -> Path | None:
        """The newest checkpoint of a trial, in its newest generation; fetched, where the run is
        kept in a store.
        """
        if self.store:
            return fetched_checkpoint(self.store.at(self.inside(number)), self.trial(number))
        return newest(self.trial(number).glob("checkpoints*/checkpoint-*.pt"))

    def kept_trial(self, number: int) -> KeptTrial:
        """What keeps the files of a trial where the run is kept; `path` is the worker's."""
        if self.store is None:
            return KeptTrial()
        answers = self.answers(number).relative_to(self.path).as_posix()
        return StoredTrial(self.store, self.path, self.inside(number), answers)

    def keep_of_trial(self, number: int, name: str, content: bytes) -> None:
        """Keep what the driver adds to a trial that has ended, where the run is kept in a store."""
        if self.store:
            replace(self.store, waits=FEW_WAITS).write(f"{self.inside(number)}/{name}", content)

    def share(self) -> None:
        """Have what the driver has written reach the workers, where that takes more than the
        folder.
        """
        if self._mirror:
            self._mirror.push()

    @cached_property
    def _mirror(self) -> Mirror | None:
        return driver_mirror(self.store, self.path) if self.store else None

    def answers(self, number: int) -> Path:
        """What the driver has told a trial; it is the only writer of this file."""
        return self.path / "answers" / f"{number:04d}.json"

    @staticmethod
    def inside(number: int) -> str:
        """Where a trial lies in the run directory."""
        return f"trials/{number:04d}"

    @contextmanager
    def opened(
        self,
        sweep: Sweep,
        name: str,
        *,
        fresh: bool = False,
        accept_changes: bool = False,
        source: Path | None = None,
        study: Mapping[str, str] | None = None,
    ) -> Iterator[None]:
        """Hold the directory for a run of `sweep` under `name`, and record that it was started;
        `source` is its file.

        `study` says where the study is, if it is not in the directory.

        With `fresh`, what is there is moved aside first, to a name with the date behind it; nothing
        is deleted. With `accept_changes`, a sweep that has changed is recorded as it is now, what
        it was beside it. Raises ValueError, and leaves all as it was, for a directory that cannot
        be written, that is in use, that another sweep or something else made, or whose sweep has
        changed since.
        """
        self._check_ours(name)
        written = source.read_text() if source else None  # before it may be moved
        if fresh and self.definition.exists():
            with self._held():
                self._move_aside()
        with self._held():
            self._check_unchanged(sweep, accept_changes)
            self._record(sweep, name, written, study)
            self.share()
            yield

    @contextmanager
    def _held(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(self.path / _LOCK))
            except OSError as error:
                raise ValueError(
                    f"The run directory {self.path} cannot be written ({error.strerror}): choose"
                    " another with --run-dir."
                ) from error
            except LockedError as error:
                raise ValueError(
                    f"The run directory {self.path} is in use by another process: wait until that"
                    " ends, or choose another with --run-dir."
                ) from error
            yield

    def _check_ours(self, name: str) -> None:
        if self.definition.exists():
            made_by = self.recorded()["name"]
            if made_by != name:
                raise ValueError(
                    f"The run directory {self.shown} was made by the sweep {made_by!r}, not"
                    f" {name!r}: choose another with --run-dir."
                )
        elif self.path.is_dir() and any(entry.name != _LOCK for entry in self.path.iterdir()):
            raise ValueError(
                f"{self.shown} holds something else than a run: choose another directory with"
                " --run-dir."
            )

    def _check_unchanged(self, sweep: Sweep, accept: bool) -> None:
        differences = self._differences(sweep)
        if accept:
            self._check_acceptable(sweep)
        elif differences:
            shown = "; ".join(differences[:_SHOWN_DIFFERENCES])
            rest = f"; and {len(differences) - _SHOWN_DIFFERENCES} more" * (
                len(differences) > _SHOWN_DIFFERENCES
            )
            raise ValueError(
                f"The sweep has changed since {self.shown} was made ({shown}{rest}): go on all the"
                " same with --accept-changes, start anew with --fresh, which keeps the old run, or"
                " choose another directory with --run-dir."
            )

    def _check_acceptable(self, sweep: Sweep) -> None:
        """Raise ValueError for a change after which the trials so far would mean something else."""
        if not self.definition.exists():
            return
        change = unacceptable_difference(self.recorded()["definition"], sweep.describe())
        if change:
            raise ValueError(
                f"The study of {self.shown} cannot take this change ({change}): start anew in"
                f" another directory with --run-dir, and with --warm-start {self.shown} to learn"
                " from what was found."
            )

    def _differences(self, sweep: Sweep) -> list[str]:
        if not self.definition.exists():
            return []
        return differences(self.recorded()["definition"], sweep.describe())

    def _record(
        self, sweep: Sweep, name: str, source: str | None, study: Mapping[str, str] | None
    ) -> None:
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        runs = self.recorded()["runs"] if self.definition.exists() else []
        asked = {"name": name, "fingerprint": sweep.fingerprint, "definition": sweep.describe()}
        if study is not None:
            asked["study"] = dict(study)
        if source is not None:
            asked["question"] = " ".join(docstring(source).split())
            self._keep_source(source, len(runs))
        changes = uncommitted_changes()
        if changes:
            write_atomic(self.path / f"uncommitted-{len(runs)}.diff", changes)
        differences = self._differences(sweep)
        changed = (
            {"changes": differences, "definition_before": self.recorded()["definition"]}
            if differences
            else {}
        )
        runs.append({"started": started, **provenance(), **changed})
        write_atomic(self.definition, json.dumps(asked | {"runs": runs}, indent=2) + "\n")

    def _keep_source(self, source: str, run: int) -> None:
        """Keep the sweep's file; what it was before stays beside it, numbered by the run that
        changed it.
        """
        if self.source.exists() and self.source.read_text() != source:
            self.source.rename(self.source.with_name(f"sweep-before-{run}.py"))
        write_atomic(self.source, source)

    def recorded(self) -> dict[str, Any]:
        """What `sweep.json` says: name, definition, runs and where the study is (None for
        study.db).

        Raises ValueError where it cannot be read.
        """
        try:
            recorded: dict[str, Any] = json.loads(self.definition.read_text())
            return {name: recorded[name] for name in ("name", "definition", "runs")} | {
                "study": recorded.get("study")
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.definition} cannot be read ({error}): move {self.path} away, or choose"
                " another directory with --run-dir."
            ) from error

    def _move_aside(self) -> Path:
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        if self.store:
            move_aside(self.store, stamp)
        return self.path.rename(self.path.with_name(f"{self.path.name}.{stamp}"))


def steps_of(checkpoint: Path) -> int:
    """The environment steps at which a checkpoint was made, as its name says."""
    return int(checkpoint.stem.split("-")[1])
