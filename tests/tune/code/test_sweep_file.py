from pathlib import Path

import pytest

from segue.plan.sweeps.sweep import Sweep
from segue.tune.code.sweep_file import find_sweep, load_sweep, sweep_files, title

GOOD = '''"""How long?

More words.
"""
from tests.tune.support.doubles import make_sweep

sweep = make_sweep()
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()
    for name in ("__init__", "run", "long_stages", "ppo_grid"):
        (tmp_path / "sweeps" / f"{name}.py").write_text(GOOD)
    return tmp_path / "sweeps"


def test_sweeps_are_the_files_of_the_folder_but_for_the_door(folder: Path) -> None:
    assert sweep_files() == {name: folder / f"{name}.py" for name in ("long_stages", "ppo_grid")}


def test_a_title_is_the_docstrings_first_line(folder: Path) -> None:
    assert title(folder / "ppo_grid.py") == "How long?"
    (folder / "plain.py").write_text("x = 1")
    (folder / "broken.py").write_text("def")
    assert (
        title(folder / "plain.py")
        == title(folder / "broken.py")
        == title(folder / "missing.py")
        == ""
    )


def test_a_sweep_is_found_by_name_and_by_path(folder: Path) -> None:
    assert find_sweep("ppo_grid") == folder / "ppo_grid.py"
    assert find_sweep("sweeps/ppo_grid.py") == Path("sweeps/ppo_grid.py")
    assert isinstance(load_sweep(find_sweep("ppo_grid")), Sweep)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("ppo_gird", "no sweep 'ppo_gird' in the folder sweeps: did you mean 'ppo_grid'?"),
        ("mine.py", "no sweep file mine.py"),
        ("elsewhere/mine", "no sweep file elsewhere/mine"),
    ],
)
def test_an_unknown_sweep_is_refused(folder: Path, asked: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find_sweep(asked)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = 1", "mine.py must define `sweep = Sweep"),
        ("sweep = 3", "but has a int of that name"),
        (
            "x = 1\nimport nothing_like_it",
            "mine.py, line 2: ModuleNotFoundError: No module named 'nothing_like_it'",
        ),
        ("x = 1\n\ndef (", "mine.py, line 3: SyntaxError"),
        (
            GOOD.replace("make_sweep()", "make_sweep(mode='most')"),
            "mine.py, line 7: mode must be one of 'max', 'min'",
        ),
    ],
)
def test_a_sweep_file_that_cannot_work_is_refused_with_its_line(
    tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "mine.py").write_text(content)
    with pytest.raises(ValueError, match=said):
        load_sweep(tmp_path / "mine.py")


def test_a_sweep_file_imports_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", ["/nowhere", *__import__("sys").path])
    monkeypatch.setenv("PYTHONPATH", "")
    (tmp_path / "beside_the_sweep.py").write_text(GOOD)
    (tmp_path / "mine.py").write_text("from beside_the_sweep import sweep")
    assert isinstance(load_sweep(tmp_path / "mine.py"), Sweep)
