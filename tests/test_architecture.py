"""docs/architecture.md names files and rooms that exist, and all rooms."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "segue"
TEXT = (ROOT / "docs" / "architecture.md").read_text()
FOLDERS = (
    SOURCE,
    SOURCE / "tune",
    SOURCE / "train",
    SOURCE / "train" / "policies",
    SOURCE.parent,
    ROOT,
)


def test_files_and_rooms_that_are_named_exist():
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", TEXT)
    assert len(named) > 40
    assert [path for path in named if not any((at / path).exists() for at in FOLDERS)] == []


def test_every_room_has_its_place():
    rooms = [path.parent for path in SOURCE.glob("*/__init__.py")]
    inner = [path.parent for path in (SOURCE / "tune").glob("*/__init__.py")]
    assert [room.name for room in (*rooms, *inner) if f"`{room.name}/`" not in TEXT] == []
