"""What a trainer of the user's own saves: a dictionary, or files that a function of it writes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from segue.base.files import read_regular
from segue.base.paths import inside
from segue.train.own.signals import TrainerError

Saved: TypeAlias = Mapping[str, Any] | Callable[[Path], object]
"""What a checkpoint holds: a dictionary, or a function that writes files to the path it is given.

A dictionary consists of tensors, arrays, plain values, and lists and dictionaries of them.
"""

_STATE = "state"
_FILES = "files"
_NAME = "checkpoint"
_PLAIN = (str, int, float, bool, bytes, type(None))  # but not classes derived from these
_CONVERTED = (np.generic, torch.Tensor)


def stored_form(saved: Saved) -> dict[str, Any]:
    """Return what a checkpoint file holds of `saved`.

    Raise TrainerError for values that could not be read without executing code.
    """
    if isinstance(saved, Mapping):
        _check(saved, "checkpoint")
        return {_STATE: dict(saved)}
    if not callable(saved):
        raise TrainerError(
            f"The trainer gives {saved!r} as checkpoint: give a dictionary, or a function that"
            " writes to the path that it is given."
        )
    with tempfile.TemporaryDirectory() as folder:
        saved(Path(folder, _NAME))
        written = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        if not written:
            raise TrainerError(
                "The function that the trainer gives as checkpoint has written no file: it is"
                " called with the path to write to."
            )
        contents = {path.relative_to(folder).as_posix(): read_regular(path) for path in written}
    return {_FILES: {name: np.frombuffer(each, np.uint8) for name, each in contents.items()}}


def restored_form(stored: Mapping[str, Any], folder: Path) -> dict[str, Any] | Path:
    """Return what `stored_form` received: a dictionary, or the path to which files were written.

    Files are written into `folder`.
    """
    if _STATE in stored:
        return dict(stored[_STATE])
    for name, content in stored[_FILES].items():
        path = inside(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.tobytes())
    return folder / _NAME


def _check(value: Any, name: str) -> None:
    """Raise TrainerError, naming the entry, for a value that a checkpoint cannot hold."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if type(key) not in _PLAIN:
                raise TrainerError(
                    f"{name} has the key {key!r}, of the type {type(key).__name__}: give text or"
                    " plain numbers as keys."
                )
            _check(entry, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            _check(entry, f"{name}[{index}]")
    elif not (type(value) in _PLAIN or isinstance(value, _CONVERTED) or _is_plain_array(value)):
        raise TrainerError(
            f"{name} is of the type {type(value).__name__}, which could not be read"
            " without executing code: give tensors, arrays and plain values, or a function that"
            " writes files."
        )


def _is_plain_array(value: object) -> bool:
    return isinstance(value, np.ndarray) and not value.dtype.hasobject
