"""The rules of the source: docs/architecture.md is up to date, and names have one place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.record import row
from segue.record.study import attributes

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


def test_files_and_packages_that_are_named_exist():
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", TEXT)
    assert len(named) > 40
    assert [path for path in named if not any((at / path).exists() for at in FOLDERS)] == []


def test_every_package_has_its_place():
    packages = [*SOURCE.glob("*/__init__.py"), *(SOURCE / "tune").glob("*/__init__.py")]
    names = [path.parent.name for path in packages]
    assert [name for name in names if f"`{name}/`" not in TEXT] == []


def constants(module: object) -> set[str]:
    """Return the texts that a module gives a name."""
    values = {name: value for name, value in vars(module).items() if name.isupper()}
    return {value for value in values.values() if isinstance(value, str)}


RECORDED = constants(row) | constants(attributes)
"""Keys of report rows and names of the study's attributes."""
UNMISTAKABLE = {name for name in RECORDED if "_" in name}
"""Those that name nothing else, and that no file outside of `segue.record` may spell."""
OTHERS = {("train/trainer.py", "stage")}
"""Keys of other dictionaries: the state of a trainer."""


def keys(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what a module reads from mappings or looks for in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            yield node.slice
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            yield node.left
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("get", "pop"):
            yield from node.args[:1]


def spelled(source: str) -> set[str]:
    """Return the names of the record of a run that a module spells."""
    tree = ast.parse(source)
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    anywhere = {text.value for text in texts if text.value in UNMISTAKABLE}
    read = {node.value for node in keys(tree) if isinstance(node, ast.Constant)}
    return anywhere | {name for name in read if name in RECORDED}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('row["stage"]', {"stage"}),
        ('row.get("final", False)', {"final"}),
        ('"stop" in trial.user_attrs', {"stop"}),
        ('{"env_steps": 3}', {"env_steps"}),
        ('columns = ("stage", "steps")', set()),
        ("row[STAGE]", set()),
    ],
)
def test_a_spelled_name_is_found(source: str, names: set[str]) -> None:
    assert spelled(source) == names


def test_the_record_of_a_run_has_its_names_in_one_place() -> None:
    assert len(RECORDED) > 15
    found = {
        (str(path.relative_to(SOURCE)), name)
        for path in SOURCE.rglob("*.py")
        if not path.is_relative_to(SOURCE / "record")
        for name in spelled(path.read_text())
    }
    assert found == OTHERS


def is_overload(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether it is a signature of a function that is defined below it."""
    return any(ast.unparse(each) == "overload" for each in node.decorator_list)


def test_a_public_name_has_one_definition() -> None:
    places: dict[str, list[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or is_overload(node):
                continue
            if not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(SOURCE)))
    assert len(places) > 500
    del places["command"]  # of each module of the command line
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
