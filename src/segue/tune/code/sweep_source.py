"""The code of a sweep, as a run directory stores it: the sweep's file and its own modules."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segue.base.files import write_atomic
from segue.base.text import changed_lines
from segue.plan.values.modules import users_modules
from segue.record.layout import RunLayout
from segue.record.validation import read_file

_SHOWN_LINES = 12  # of the changes of a file


@dataclass(frozen=True)
class SweepSource:
    """The text of a sweep's file and of the modules that it needs, read at one time."""

    path: Path
    text: str
    modules: Mapping[str, str]
    """The text of each module, by its path below a folder from which it can be imported."""

    @classmethod
    def read(cls, path: Path) -> "SweepSource":
        """Read a sweep's file and the modules of the user's own that it needs."""
        text = path.read_text()
        modules = {str(module.file): module.path.read_text() for module in users_modules(text)}
        return cls(path, text, modules)

    def changed_lines(self, run: RunLayout) -> list[str]:
        """Return what differs from the code that the run directory stores, file by file."""
        files = {str(self.path): (run.source, self.text)}
        files |= {name: (run.code / name, text) for name, text in self.modules.items()}
        lines = []
        for name, (stored, text) in files.items():
            before = (read_file(stored) or b"").decode(errors="replace")
            changed = changed_lines(before, text, context=0, most=_SHOWN_LINES)
            lines += [f"{name}, since {stored}:", *changed] if changed else []
        return lines

    def write(self, run: RunLayout, start: int) -> None:
        """Write the code; a previous version is renamed with the number of this start."""
        earlier = read_file(run.source)
        if earlier is not None and earlier != self.text.encode():
            run.source.rename(run.source_before(start))
        write_atomic(run.source, self.text)
        if run.code.exists() and _texts(run.code) != self.modules:
            run.code.rename(run.code_before(start))
        for name, text in self.modules.items():
            place = run.code / name
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(place, text)


def _texts(folder: Path) -> dict[str, str]:
    """Return the texts of the modules in a folder, by their paths below it."""
    files = {path: read_file(path) or b"" for path in folder.rglob("*.py")}
    return {
        str(path.relative_to(folder)): content.decode(errors="replace")
        for path, content in files.items()
    }
