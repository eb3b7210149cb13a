"""Names of checkpoints, by which they are found in the directory of a trial."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

BEST = "best"
_CHECKPOINTS = "checkpoints*/checkpoint-*.pt"
_NAME = re.compile(r"checkpoint-\d{1,18}-[0-9a-f]+\.pt", re.ASCII)


def checkpoints_in(trial: Path) -> Iterator[Path]:
    """Return the checkpoints of all generations in a trial's directory."""
    return filter(has_checkpoint_name, trial.glob(_CHECKPOINTS))


def best_checkpoints_in(trial: Path) -> Iterator[Path]:
    """Return the checkpoints of the best members in a trial's directory; there is usually one."""
    return filter(has_checkpoint_name, trial.glob(f"{BEST}/checkpoint-*.pt"))


def is_checkpoint(name: str) -> bool:
    """Return whether a file of a trial, named relative to its directory, is a checkpoint."""
    return Path(name).match(_CHECKPOINTS) and has_checkpoint_name(Path(name))


def is_best_checkpoint(name: str) -> bool:
    """Return whether a file of a trial, named relative to its directory, is its best checkpoint."""
    path = Path(name)
    return path.parent == Path(BEST) and has_checkpoint_name(path)


def has_checkpoint_name(path: Path) -> bool:
    """Return whether a file has a name as `checkpoint_name` returns."""
    return _NAME.fullmatch(path.name) is not None


def checkpoint_name(env_steps: int, digest: str) -> str:
    """Return the file name of a checkpoint, which sorts by environment steps.

    >>> checkpoint_name(20_480, "0123456789abcdef")
    'checkpoint-000000020480-0123456789abcdef.pt'
    """
    return f"checkpoint-{env_steps:012d}-{digest}.pt"


def steps_of(checkpoint: Path) -> int:
    """Return the environment steps of a member at which a checkpoint was written."""
    return int(checkpoint.stem.split("-")[1])


def digest_of(checkpoint: Path) -> str:
    """Return the digest of the checkpoint's content that its name states."""
    return checkpoint.stem.rpartition("-")[2]


def newest(checkpoints: Iterable[Path]) -> Path | None:
    """Return the newest of a trial's checkpoints, in its newest generation; None of none."""
    return max(
        checkpoints,
        key=lambda path: (len(path.parent.name), path.parent.name, path.name),
        default=None,
    )
