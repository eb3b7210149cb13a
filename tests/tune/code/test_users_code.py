"""What a sweep file contributes: found, part of the definition, stored, and loaded again."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium
import pytest

from segue.plan.sweeps.sweep import Sweep
from segue.tune.code.sweep_file import load_sweep
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.run.original_sweep import sweep_of
from tests.cli.whole_sweeps.test_users_code import CORRIDOR, PIPELINE

NEIGHBOURS = {
    "mine.py": PIPELINE
    + """
from rates import RATE
import lengths


class Loss(PPO):
    def __init__(self):
        super().__init__(clip_param=0.1)


def pipeline(lr):
    from lazy import STEPS

    return tiny(STEPS * lengths.length())


sweep = Sweep(
    pipeline=pipeline,
    space={"lr": tune.grid_search([RATE, 1e-2])},
    world="corridor:Corridor-v0",
    evaluation=EVALUATION,
    lanes=2,
)
""",
    "rates.py": "RATE = 1e-3\nUNUSED = 1\n",
    "lengths.py": "import pack.inner\n\n\ndef length():\n    return pack.inner.LENGTH\n",
    "lazy.py": "STEPS = 64\n",
    "pack/__init__.py": "",
    "pack/inner.py": "from . import more\n\nLENGTH = 2 * more.ONE\n",
    "pack/more.py": "ONE = 1\n",
    "corridor.py": "import gymnasium\nimport numpy as np\nfrom gymnasium import spaces\n"
    + CORRIDOR,
    "another.py": "nothing imports it\n",
}
MODULES = {"corridor", "lazy", "lengths", "pack", "pack.inner", "pack.more", "rates"}
Write = Callable[[str, str], None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a sweep file and its neighbours, which is not the current one."""
    home = tmp_path / "home"
    for name, text in NEIGHBOURS.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.path", list(sys.path))
    known = set(sys.modules)
    yield home
    for name in set(sys.modules) - known:
        if name.partition(".")[0] in MODULES:
            del sys.modules[name]


def loaded(file: Path) -> Sweep:
    """The sweep of a file that registers its environment again."""
    gymnasium.registry.pop("Corridor-v0", None)
    return load_sweep(file)


def start(sweep: Sweep, file: Path) -> RunDirectory:
    run = RunDirectory(Path("runs/mine"))
    with open_run(run, sweep, "mine", source=file):
        return run


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    stat = path.stat()
    os.utime(path, (stat.st_atime, stat.st_mtime + 2))  # as an edit by hand does


def test_the_modules_that_a_sweep_file_needs_are_part_of_its_definition(folder: Path) -> None:
    assert set(load_sweep(folder / "mine.py").code) == MODULES


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("corridor.py", "float(action)", "float(action) - 0.1"),
        ("rates.py", "UNUSED = 1", "UNUSED = 2"),
        ("lazy.py", "64", "65"),
        ("pack/more.py", "ONE = 1", "ONE = 2"),
        ("lengths.py", "LENGTH", "LENGTH * 1"),
    ],
)
def test_an_edit_of_a_module_is_a_change_of_the_sweep(
    folder: Path, name: str, old: str, new: str
) -> None:
    file = folder / "mine.py"
    before = load_sweep(file)
    start(before, file)
    assert load_sweep(file) == before
    edit(folder / name, old, new)
    with pytest.raises(ValueError, match=rf"has changed .*code.{name[:-3].replace('/', '.')}: "):
        start(load_sweep(file), file)
    assert not (folder.parent / "runs/mine/code-before-1").exists()


def test_comments_in_a_module_do_not_count(folder: Path) -> None:
    before = load_sweep(folder / "mine.py")
    edit(folder / "corridor.py", "import gymnasium\n", '"""Words."""\n\nimport gymnasium  # it\n')
    assert load_sweep(folder / "mine.py") == before


def test_a_registration_in_the_sweep_file_counts(folder: Path) -> None:
    file = folder / "mine.py"
    edit(file, "sweep = Sweep(", f"{CORRIDOR}\n\nsweep = Sweep(")
    before = loaded(file)
    assert loaded(file) == before
    edit(file, "float(action)", "float(action) - 0.1")
    assert loaded(file) != before


def test_the_run_directory_stores_the_modules_and_loads_them(folder: Path) -> None:
    file = folder / "mine.py"
    run = start(load_sweep(file), file)
    stored = {str(path.relative_to(run.code)) for path in run.code.rglob("*.py")}
    assert stored == NEIGHBOURS.keys() - {"mine.py", "another.py"}
    recorded = load_sweep(file)
    assert sweep_of(run) == recorded  # the file that this machine remembers
    edit(folder / "corridor.py", "float(action)", "float(action) - 0.1")
    with pytest.raises(ValueError, match=r"differs from .*--sweep runs/mine/sweep.py"):
        sweep_of(run)
    assert sweep_of(run, run.source) == recorded
    assert sys.modules["rates"].__file__ == str(run.code.absolute() / "rates.py")
    with open_run(run, load_sweep(file), "mine", source=file, accept_changes=True):
        assert "- 0.1" in (run.code / "corridor.py").read_text()
    assert "- 0.1" not in (run.code_before(1) / "corridor.py").read_text()


@pytest.mark.parametrize(
    ("name", "old", "message"),
    [
        ("common.py", "from .common import RATE", r"mine.py, line 1: .* `from common import"),
        ("types.py", "import types", r"line 1: `import types` finds .*: give types.py another"),
        ("numpy.py", "import numpy.linalg", r"line 1: `import numpy` finds .*give numpy.py"),
        ("sys.py", "import sys", r"line 1: `import sys` finds Python's sys"),
    ],
)
def test_an_import_that_finds_another_module_than_it_seems_to_is_refused(
    folder: Path, name: str, old: str, message: str
) -> None:
    (folder / name).write_text("RATE = 1e-3\n")
    (folder / "mine.py").write_text(f"{old}\n{NEIGHBOURS['mine.py']}")
    with pytest.raises(ValueError, match=message):
        load_sweep(folder / "mine.py")


def test_a_neighbour_of_another_folder_is_not_taken(folder: Path) -> None:
    load_sweep(folder / "mine.py")
    other = folder.parent / "other"
    other.mkdir()
    for name in NEIGHBOURS:
        (other / name).parent.mkdir(exist_ok=True)
        (other / name).write_text((folder / name).read_text())
    edit(other / "rates.py", "1e-3", "1e-4")
    assert load_sweep(other / "mine.py").grid() == [{"lr": 1e-4}, {"lr": 1e-2}]
    assert load_sweep(folder / "mine.py").grid() == [{"lr": 1e-3}, {"lr": 1e-2}]
