"""Mutations of a run directory, each decided by a generator of random numbers."""

import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import torch

from segue.record.checkpoints import checkpoint_name, steps_of
from segue.record.layout import RESULTS, STUDY
from segue.train.checkpoint import decoded, digest, encoded

DEEP = 10_000
_NESTED: Any = object()  # stands for JSON that is nested too deeply
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    0.5,
    "",
    "text",
    "\x1b[31mred",
    "../../..",
    [],
    [[]],
    [None],
    {},
    {"a": [1]},
    _NESTED,
)
_SPECIAL = ("folder", "fifo", "socket", "loop", "null", "dangling")
Mutation = Callable[[Path, Random], str]


def mutate(run: Path, random: Random) -> str:
    """Damage a run directory, and return what was done."""
    kinds: tuple[tuple[Mutation, int], ...] = (
        (_bytes, 3),
        (_special, 2),
        (_json, 4),
        (_row, 3),
        (_cell, 4),
        (_attribute, 3),
        (_checkpoint, 2),
    )
    mutations = [mutation for mutation, weight in kinds for _ in range(weight)]
    return random.choice(mutations)(run, random)


def _files(run: Path, *patterns: str) -> list[Path]:
    found = [path for pattern in patterns for path in run.glob(pattern) if path.is_file()]
    return sorted(path for path in found if "reruns" not in path.parts)


def _chosen(run: Path, random: Random, *patterns: str) -> Path:
    """Choose one of the kinds of files first, and then a file of it."""
    kinds: dict[str, list[Path]] = {}
    for path in _files(run, *patterns):
        kinds.setdefault(path.suffix if path.suffix == ".pt" else path.name, []).append(path)
    return random.choice(kinds[random.choice(sorted(kinds))])


def _bytes(run: Path, random: Random) -> str:
    path = _chosen(run, random, "**/*")
    content = bytearray(path.read_bytes())
    how = random.choice(("truncated", "flipped", "emptied", "deleted", "random", "zeroed"))
    if how == "truncated":
        del content[random.randrange(len(content) + 1) :]
    elif how == "flipped":
        for _ in range(random.choice((1, 1, 8, 64)) if content else 0):
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    elif how == "zeroed":
        start = random.randrange(len(content) + 1)
        content[start : start + 4096] = bytes(len(content[start : start + 4096]))
    else:
        content = bytearray(random.randbytes(100) if how == "random" else b"")
    path.unlink()
    if how != "deleted":
        path.write_bytes(content)
    return f"{path.relative_to(run)} {how}"


def _special(run: Path, random: Random) -> str:
    """Put something that is not a regular file in the place of a file or folder."""
    places = {path.name for path in _files(run, "**/*")} | {"trials", "decisions", "checkpoints"}
    name = random.choice(sorted(places))
    path = random.choice(sorted(run.glob(f"**/{name}")))
    what = random.choice(_SPECIAL)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "socket":
        with closing(socket.socket(socket.AF_UNIX)) as server, suppress(OSError):  # a long path
            server.bind(str(path))
    else:
        path.symlink_to({"loop": path, "null": "/dev/null"}.get(what, run / "nowhere"))
    return f"{path.relative_to(run)} is a {what}"


def _json(run: Path, random: Random) -> str:
    others = ("decisions/*.json", "requests/*.json", "prefixes/*/*.json")
    path = _chosen(run, random, "*.json", "**/trial.json", "**/lineage.json", *others)
    changed, what = _changed(json.loads(path.read_text()), random)
    path.write_text(_text(changed))
    return f"{path.relative_to(run)}: {what}"


def _row(run: Path, random: Random) -> str:
    path = random.choice(_files(run, f"trials/*/{RESULTS}", "trials/*/metrics.jsonl"))
    lines = path.read_text().splitlines()
    index = random.randrange(len(lines))
    changed, what = _changed(json.loads(lines[index]), random)
    lines[index] = _text(changed)
    if random.random() < 0.2:
        lines.insert(index, random.choice(("", "{", "[1]", "\0" * 50, "nonsense")))
    path.write_text("\n".join(lines) + "\n" * random.randrange(2))
    return f"{path.relative_to(run)} line {index}: {what}"


def _changed(value: Any, random: Random) -> tuple[Any, str]:
    """Return a JSON value with an odd value, another key or nothing at a random place."""
    places = list(_places(value))
    place = random.choice(places)
    if not place:
        odd = random.choice(ODD)
        return odd, f"all of it is {odd!r}"
    holder = value
    for key in place[:-1]:
        holder = holder[key]
    key = place[-1]
    if random.random() < 0.2:
        del holder[key]
        return value, f"{place} deleted"
    holder[key] = random.choice(ODD)
    return value, f"{place} is {holder[key]!r}"


def _places(value: Any) -> list[tuple[Any, ...]]:
    """Return the paths to all values inside a JSON value, itself first."""
    found: list[tuple[Any, ...]] = [()]
    items: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, entry in items:
        found += [(key, *rest) for rest in _places(entry)]
    return found


def _text(value: Any) -> str:
    mark = '"deep"'
    text = json.dumps(value, default=lambda _: "deep")
    return text.replace(mark, "[" * DEEP + "]" * DEEP, 1)


def _cell(run: Path, random: Random) -> str:
    """Replace a cell of the study by a value of another type, or delete a row or a table."""
    with closing(sqlite3.connect(run / STUDY)) as study, study:
        tables = [
            name for (name,) in study.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        table = random.choice(sorted(tables))
        columns = [row[1] for row in study.execute(f"PRAGMA table_info({table})")]
        rows = [rowid for (rowid,) in study.execute(f"SELECT rowid FROM {table}")]
        if not rows or random.random() < 0.05:
            study.execute(f"DROP TABLE {table}")
            return f"table {table} dropped"
        rowid = random.choice(rows)
        if random.random() < 0.1:
            study.execute(f"DELETE FROM {table} WHERE rowid = {rowid}")
            return f"row {rowid} of {table} deleted"
        column = random.choice(columns)
        odd = random.choice((None, -1, 0, 1, 7, 2**62, 0.5, 1e308, "", "text", "{", "[]", b"\xff"))
        with suppress(sqlite3.IntegrityError):
            study.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = {rowid}", (odd,))
        return f"{column} of row {rowid} of {table} is {odd!r}"


def _attribute(run: Path, random: Random) -> str:
    """Replace a part of an attribute or a distribution in the study."""
    places = (
        ("trial_user_attributes", "value_json"),
        ("trial_user_attributes", "value_json"),
        ("trial_system_attributes", "value_json"),
        ("study_system_attributes", "value_json"),
        ("trial_params", "distribution_json"),
    )
    table, column = random.choice(places)
    with closing(sqlite3.connect(run / STUDY)) as study, study:
        rows = study.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
        if not rows:
            return "nothing"
        rowid, text = random.choice(rows)
        changed, what = _changed(json.loads(text), random)
        study.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (_text(changed), rowid))
        return f"row {rowid} of {table}: {what}"


def _checkpoint(run: Path, random: Random) -> str:
    """Give a checkpoint other content, under the name that suits it."""
    path = random.choice(_files(run, "trials/*/checkpoints*/*.pt"))
    state = decoded(path.read_bytes())
    changed, what = _changed_state(state, random)
    content = encoded(changed) if random.random() < 0.9 else random.randbytes(200)
    path.unlink()
    new = path.with_name(checkpoint_name(steps_of(path), digest(content)))
    new.write_bytes(content)
    return f"{path.relative_to(run)}: {what}"


def _changed_state(state: Any, random: Random) -> tuple[Any, str]:
    odd = (
        None,
        1,
        -1,
        0.5,
        "text",
        [],
        {},
        [1],
        torch.zeros(3),
        torch.zeros(2, 2, dtype=torch.int64),
    )
    place = random.choice(list(_places(state)))
    value = random.choice(odd)
    if not place:
        return {"state": value}, f"all of it is {value!r}"
    holder = state
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return state, f"{place} is {value!r}"
