"""What several trials share of their training, in a folder of the run directory.

    prefixes/9f2c.../
      prefix.json  results.jsonl  metrics.jsonl  events.out.tfevents.*  best/  checkpoints/

It holds copies of a trial's files, made when the last of the shared stages had ended there.
`prefix.json` names that trial, and the digest of each file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from segue.base.files import read_regular, write_atomic
from segue.base.paths import checked_name, inside
from segue.base.strict_json import to_json
from segue.record.checkpoints import is_best_checkpoint, is_checkpoint, newest, steps_of
from segue.record.layout import HPARAMS, METRICS, RESULTS, TrialLayout
from segue.record.validation import Checked, Steps, read_object

MANIFEST = "prefix.json"
_EVENTS = "events.out.tfevents."


class _Manifest(Checked):
    """The content of `prefix.json`."""

    trial: Steps
    env_steps: Steps
    files: dict[str, str]


@dataclass(frozen=True)
class StoredPrefix:
    """Training that a trial has stored for others that share it."""

    layout: TrialLayout
    """Where the files are, by the names that they have in a trial's directory."""
    trial: int
    """The number of the trial that has trained it."""
    env_steps: int
    """Environment steps of one member."""
    files: tuple[str, ...]
    """The names of its files, relative to the folder."""

    @property
    def checkpoint(self) -> Path:
        """The checkpoint after the last of the shared stages."""
        (name,) = filter(is_checkpoint, self.files)
        return self.layout.path / name

    @property
    def best(self) -> Path | None:
        """The checkpoint of the best members until then, if there is one."""
        return next(
            (self.layout.path / name for name in self.files if is_best_checkpoint(name)), None
        )

    def logged(self) -> Iterator[str]:
        """Return the names of the training log's files: TensorBoard's events, and metrics."""
        return (name for name in self.files if is_logged(name))


def is_stored(folder: Path) -> bool:
    """Return whether a folder holds a prefix; it is complete if it does."""
    return (folder / MANIFEST).exists()


def store_prefix(folder: Path, trial: TrialLayout, number: int, env_steps: int) -> bool:
    """Copy what a trial has trained up to its report at `env_steps` into a folder.

    The trial must not train meanwhile. Return False, and store nothing, if the newest checkpoint of
    the trial is not of that report. `prefix.json` is written last.
    """
    checkpoint = newest(trial.all_checkpoints())
    if checkpoint is None or steps_of(checkpoint) != env_steps:
        return False
    names = [checkpoint.relative_to(trial.path).as_posix()]
    names += [RESULTS] * trial.results.exists()
    best = trial.best_checkpoint()
    if best is not None:
        names.append(best.relative_to(trial.path).as_posix())
    paths = [trial.path / METRICS, *trial.path.rglob(f"{_EVENTS}*")]
    found = (path.relative_to(trial.path).as_posix() for path in paths if path.exists())
    names += sorted(filter(is_logged, found))
    digests = {name: _copy(trial.path / name, folder / name) for name in names}
    manifest = {"trial": number, "env_steps": env_steps, "files": digests}
    write_atomic(folder / MANIFEST, to_json(manifest, indent=2) + "\n")
    return True


def read_prefix(folder: Path) -> StoredPrefix:
    """Return the prefix in a folder, each of whose files has the digest that is recorded of it.

    Raise ValueError, in one sentence, for one that is missing, damaged or incomplete.
    """
    known = read_object(folder / MANIFEST, _Manifest)
    if known is None:
        raise ValueError(f"{folder / MANIFEST} does not exist.")
    for name, digest in known.files.items():
        path = inside(folder, checked_name(name, str(folder / MANIFEST)))
        try:
            content = read_regular(path)
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror}).") from error
        if sha256(content).hexdigest() != digest:
            raise ValueError(f"{path} is damaged: its content does not match {MANIFEST}.")
    if len(list(filter(is_checkpoint, known.files))) != 1:
        raise ValueError(f"{folder / MANIFEST} is damaged: it does not name one checkpoint.")
    return StoredPrefix(TrialLayout(folder), known.trial, known.env_steps, tuple(known.files))


def is_logged(name: str) -> bool:
    """Return whether a file of a trial, named relative to its directory, is of its training log."""
    last = name.rpartition("/")[2]
    is_event = last.startswith(_EVENTS) and last != HPARAMS
    return name == METRICS or (is_event and not name.startswith("before-"))


def _copy(source: Path, target: Path) -> str:
    """Copy a file, and return the digest of its content."""
    content = read_regular(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, content)
    return sha256(content).hexdigest()
