"""docs/architecture.md names files and rooms that exist, and all rooms."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "segue"
TEXT = (ROOT / "docs" / "architecture.md").read_text()


def test_files_and_rooms_that_are_named_exist():
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", TEXT)
    assert len(named) > 40
    missing = [path for path in named if not any((root / path).exists() for root in (SOURCE, ROOT))]
    assert [
        path for path in missing if path.split("/")[0] not in ("trials", "encoders", "cores")
    ] == []


def test_every_room_has_its_place():
    rooms = [path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()]
    inner = [path.name for path in (SOURCE / "tune").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in (*rooms, *inner) if f"`{room}/`" not in TEXT] == []
