from pathlib import Path

import pytest

from segue.base.paths import UnsafeNameError, checked_name, inside

UNSAFE = [
    "",
    ".",
    "..",
    "../other",
    "trials/../../other",
    "/etc/passwd",
    "a\0b",
    "C:/other",
    "C:other",
    "..\\other",
    "\\other",
    "trials/" + "x" * 256,
    None,
    3,
    ["a"],
]


@pytest.mark.parametrize("name", ["a", "trials/0001/results.jsonl", "a/./b", "...", "é" * 127])
def test_names_inside_the_folder_are_joined(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name) == tmp_path / name
    assert checked_name(name, "the store") == name


@pytest.mark.parametrize("name", UNSAFE)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(UnsafeNameError, match=r"which is outside its folder: do not use this run"):
        inside(tmp_path, name)


def test_links_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "other").mkdir()
    (folder / "out").symlink_to(tmp_path / "other")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "within").symlink_to(folder / "real")
    for name in ("out/file", "out", "loop"):
        with pytest.raises(UnsafeNameError, match="outside its folder"):
            inside(folder, name)
    assert inside(folder, "within/file") == folder / "within/file"
