"""What W&B wrote while it was offline, read back: LevelDB's log format (32 KiB blocks, records in
up to four parts).
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

_BLOCK = 32 * 1024
_HEADER = 7
_IDENTITY = 7
_FULL = 1
_LAST = 4


@dataclass
class WandbRun:
    """One file: a run, or what was added to it by a later driver."""

    identity: str = ""
    name: str = ""
    group: str = ""
    project: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    rows: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    is_preempted: bool = False
    tags: tuple[str, ...] = ()
    artifacts: dict[str, list[Path]] = field(default_factory=dict)
    """The files of each artifact, by its type: where they are on this machine."""


def wandb_runs(run: Path) -> list[WandbRun]:
    """Of all drivers, in the order of their making, but for those that a kill left empty."""
    found = [_run(path) for path in sorted(run.glob("wandb/offline-run-*/*.wandb"))]
    return [each for each in found if each.identity]


def _run(path: Path) -> WandbRun:
    found = WandbRun()
    for raw in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(raw)
        _take(found, record)
    return found


def _take(found: WandbRun, record: Any) -> None:
    match record.WhichOneof("record_type"):
        case "run":
            run = record.run
            found.identity = run.run_id
            found.name = run.display_name
            found.group = run.run_group
            found.project = run.project
            found.tags = tuple(run.tags) or found.tags
            found.config |= _values(run.config.update)
        case "config":
            found.config |= _values(record.config.update)
        case "history":
            found.rows.append((record.history.step.num, _values(record.history.item)))
        case "summary":
            found.summary |= _values(record.summary.update)
        case "artifact":
            files = [Path(entry.local_path) for entry in record.artifact.manifest.contents]
            found.artifacts[record.artifact.type] = files
        case "preempting":
            found.is_preempted = True
        case "exit":
            found.exit_code = record.exit.exit_code


def _values(items: Any) -> dict[str, Any]:
    named = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
    return {name: value for name, value in named.items() if not name.startswith("_")}


def _records(content: bytes) -> Iterator[bytes]:
    parts = b""
    at = _IDENTITY
    while at + _HEADER <= len(content):
        if _BLOCK - at % _BLOCK < _HEADER:  # no header fits: the next block
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        if kind in (_FULL, _LAST):
            yield parts
            parts = b""
