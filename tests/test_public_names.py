"""What users import: the names of `segue`, and that examples and sweeps need nothing else."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest

import segue

ROOT = Path(__file__).parent.parent
PACKAGES = {path.stem for path in Path(segue.__file__).parent.iterdir()}
PUBLIC = {"segue", "segue.experiment_utils"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SWEEPS = [path for path in sorted((ROOT / "sweeps").glob("*.py")) if path.stem != "run"]


def test_every_name_that_editors_see_is_there() -> None:
    typed = ast.parse(Path(segue.__file__).with_suffix(".pyi").read_text()).body
    imports = [node for node in typed if isinstance(node, ast.ImportFrom)]
    names = [alias.asname for node in imports for alias in node.names]
    assert sorted(map(str, names)) == segue.__all__ and len(names) > 80
    assert set(segue.__all__) <= set(dir(segue))
    for node in imports:
        for alias in node.names:
            public = getattr(segue, alias.name)
            assert not isinstance(public, type | FunctionType) or public.__module__ == node.module


def test_no_name_hides_a_room() -> None:
    assert not PACKAGES & set(segue.__all__)


def test_names_of_experiment_utils_are_the_same_objects() -> None:
    from segue import experiment_utils

    for name in experiment_utils.__all__:
        assert getattr(segue, name) is getattr(experiment_utils, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sweeep'"):
        segue.Sweeep  # noqa: B018


def imported(source: str) -> Iterator[str]:
    """The modules that a text imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def sources() -> Iterator[tuple[Path, str]]:
    """Sweeps, and the blocks of Python in the pages."""
    for path in SWEEPS:
        yield path, path.read_text()
    for page in PAGES:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
            yield page, block


def test_examples_and_sweeps_import_public_names_only() -> None:
    found = list(sources())
    assert {path.name for path, _ in found} >= {"README.md", "sweeps.md", "ppo_grid.py"}
    inner = {
        (path.name, module)
        for path, source in found
        for module in imported(source)
        if module.partition(".")[0] == "segue" and module not in PUBLIC
    }
    assert not inner


def test_importing_segue_imports_nothing_else_of_it() -> None:
    code = "import sys, segue; print(*(name for name in sys.modules if name.startswith('segue.')))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
