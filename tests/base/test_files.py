import json
import os
from pathlib import Path

import pytest

from segue.base import files
from segue.base.files import (
    append_row,
    count_rows,
    cut_torn_row,
    read_rows,
    write_atomic,
    write_rows,
)


def test_a_replacement_leaves_the_new_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_atomic(path, "old")
    write_atomic(path, b"new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_before_the_rename_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    write_atomic(path, "old")
    monkeypatch.setattr(Path, "replace", _killed)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, "new, but only in part")
    assert path.read_text() == "old"


def test_content_and_name_are_on_the_disk_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    renamed = Path.replace
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: order.append("sync"))
    monkeypatch.setattr(
        Path, "replace", lambda path, target: (order.append("rename"), renamed(path, target))[1]
    )
    write_atomic(tmp_path / "state", "new")
    assert order == ["sync", "rename", "sync"]


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for step in range(3):
        append_row(path, {"step": step})
    assert read_rows(path) == [{"step": 0}, {"step": 1}, {"step": 2}]
    write_rows(path, read_rows(path)[:1])
    assert read_rows(path) == [{"step": 0}]


def test_no_file_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "rows.jsonl") == []
    cut_torn_row(tmp_path / "rows.jsonl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kept_characters", range(len(json.dumps({"step": 1})) + 1))
def test_half_a_row_at_the_end_is_left_out_and_can_be_cut(
    tmp_path: Path, kept_characters: int
) -> None:
    path = tmp_path / "rows.jsonl"
    append_row(path, {"step": 0})
    with path.open("a") as file:
        file.write(json.dumps({"step": 1})[:kept_characters])
    assert read_rows(path) == [{"step": 0}]
    cut_torn_row(path)
    append_row(path, {"step": 2})
    assert read_rows(path) == [{"step": 0}, {"step": 2}]


@pytest.mark.parametrize("damaged", [b"\0\0\0", b"[1]", b'{"step": ', b"[" * 100_000, b"\xff"])
def test_a_damaged_row_is_skipped_and_counted(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"step": 0}\n' + damaged + b'\n{"step": 2}\n')
    assert count_rows(path) == ([{"step": 0}, {"step": 2}], 1)


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "fifo", tmp_path / "folder", Path("/dev/null")):
        with pytest.raises(OSError, match="not a regular file"):
            read_rows(path)


def _killed(*arguments: object) -> None:
    raise KeyboardInterrupt
