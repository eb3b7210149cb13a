"""Checkpoints that are either complete or absent.

They are written atomically and verified when they are read, and the previous one is retained.

A checkpoint is `checkpoint-<environment steps>-<digest>.pt`: what `torch.save` writes, with the
first digits of its own SHA-256 in its name. It is read with `torch.load(weights_only=True)`, so
that loading does not execute code.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segue.base.files import read_regular, write_atomic
from segue.record.checkpoints import checkpoint_name, digest_of, has_checkpoint_name

_LOGGER = logging.getLogger(__name__)
_RETAINED = 2
DIGITS = 16
_ARRAY = "ndarray"


def save_checkpoint(directory: Path, env_steps: int, state: Mapping[str, Any]) -> Path:
    """Write `state`, and delete all checkpoints but this one and the one before.

    A state consists of tensors, arrays, plain values, and lists and dictionaries of them.
    """
    path = _write(directory, env_steps, state)
    for old in newest_first(directory)[_RETAINED:]:
        old.unlink()
    return path


def save_only_checkpoint(directory: Path, env_steps: int, state: Mapping[str, Any]) -> Path:
    """Write `state` as `save_checkpoint` does, and delete all other checkpoints."""
    path = _write(directory, env_steps, state)
    for other in newest_first(directory):
        if other != path:
            other.unlink()
    return path


class DamagedCheckpointError(ValueError):
    """Raised for a checkpoint whose content does not match its name."""


def read_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Return the state in a checkpoint whose name states the digest of its content.

    Raise ValueError, in one sentence, for a file that is damaged or not a checkpoint.
    """
    content = _read(path)
    if digest(content) != digest_of(path):
        raise DamagedCheckpointError(
            f"{path} is damaged, or not a checkpoint: its content does not match its name."
        )
    return read_state(path, content, device)


def read_copy(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Return the state in a copy of a checkpoint, of whatever name; raise ValueError as
    `read_checkpoint` does.
    """
    return read_state(path, _read(path), device)


@contextmanager
def form_checked(path: Path) -> Iterator[None]:
    """Use the state of a checkpoint inside the block; raise ValueError, in one sentence, where it
    does not have the form that is expected there.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds something else than is expected of it ({type(error).__name__}: {error})."
        ) from error


def load_checkpoint(directory: Path, device: str = "cpu") -> dict[str, Any] | None:
    """Return the newest complete checkpoint, or None.

    A damaged checkpoint is renamed to `damaged-...`. Remains of a checkpoint whose writing was
    interrupted are removed. Raise ValueError for a file that cannot be read, and for a complete one
    that is not a checkpoint.
    """
    for unfinished in directory.glob("checkpoint-*.tmp"):
        unfinished.unlink()
    for path in newest_first(directory):
        try:
            return read_checkpoint(path, device)
        except DamagedCheckpointError:
            path.rename(path.with_name(f"damaged-{path.name}"))
        _LOGGER.warning(
            "%s is damaged and was set aside as damaged-%s: the one before it is used.",
            path,
            path.name,
        )
    return None


def _write(directory: Path, env_steps: int, state: Mapping[str, Any]) -> Path:
    content = encoded(state)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / checkpoint_name(env_steps, digest(content))
    write_atomic(path, content)
    return path


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from error


def read_state(path: Path, content: bytes, device: str = "cpu") -> dict[str, Any]:
    """Return the state in the content of a file; raise ValueError, in one sentence, for another."""
    try:
        state = decoded(content, device)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever the readers of archives and pickles may raise
        message = next(iter(str(error).splitlines()), "")
        raise ValueError(
            f"{path} is not a checkpoint ({type(error).__name__}: {message})."
        ) from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} is not a checkpoint: it holds a {type(state).__name__}.")
    return state


def encoded(state: Mapping[str, Any]) -> bytes:
    """Return the content of a checkpoint."""
    buffer = io.BytesIO()
    torch.save(storable(state), buffer)
    return buffer.getvalue()


def decoded(content: bytes, device: str = "cpu") -> dict[str, Any]:
    """Return the value that `encoded` received, with lists in place of tuples."""
    loaded: dict[str, Any] = restored(
        torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    )
    return loaded


def newest_first(directory: Path) -> list[Path]:
    """Return the checkpoints of a directory by environment steps, the latest first."""
    found = (path for path in directory.glob("checkpoint-*.pt") if has_checkpoint_name(path))
    return sorted(found, reverse=True)


def digest(content: bytes) -> str:
    """Return the first digits of the content's SHA-256."""
    return sha256(content).hexdigest()[:DIGITS]


def storable(value: Any) -> Any:
    """Return the value in a form that `torch.load(weights_only=True)` can read.

    Arrays become marked tensors, and numpy's numbers become Python's.
    """
    match value:
        case Mapping():
            return {key: storable(entry) for key, entry in value.items()}
        case list() | tuple():
            return [storable(entry) for entry in value]
        case np.ndarray():
            # As bytes: torch lacks some of numpy's types, and a view of the array would save its
            # whole base.
            raw = torch.from_numpy(np.frombuffer(value.tobytes(), np.uint8).copy())
            return {_ARRAY: raw, "dtype": value.dtype.str, "shape": list(value.shape)}
        case np.generic():
            return value.item()
        case torch.Tensor():
            return value.detach().clone()
    return value


def restored(value: Any) -> Any:
    """Return the value that `storable` received, with lists in place of tuples."""
    if isinstance(value, dict) and _ARRAY in value:
        return (
            np.frombuffer(value[_ARRAY].cpu().numpy().tobytes(), value["dtype"])
            .reshape(value["shape"])
            .copy()
        )
    if isinstance(value, dict):
        return {key: restored(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [restored(entry) for entry in value]
    return value
