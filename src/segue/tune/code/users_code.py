"""The code that a sweep file contributes: the modules beside it, and statements with effects."""

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import FunctionType
from typing import Any

from segue.plan.values.code import is_users
from segue.plan.values.describe import fingerprint
from segue.plan.values.modules import SourceModule, imports, relative_import
from segue.plan.values.source import (
    module_form,
    remember_source,
    remembered_sources,
    statement_form,
)

_STATEMENTS = "statements"
_PLAIN = (bool, int, float, str, bytes, tuple, list, dict, set, frozenset, type(None))


class RefusedImportError(ValueError):
    """An import that finds another module than it seems to; the message names the line."""


def check_imports(path: Path, text: str) -> None:
    """Raise RefusedImportError for an import that finds another module than it seems to.

    Those are relative imports, since a sweep file is not part of a package, and names of files
    beside the sweep file that are also names of installed modules.
    """
    relative = relative_import(text)
    if relative:
        name = relative.name.lstrip(".") or "a_module"
        raise RefusedImportError(
            f"{path}, line {relative.line}: a sweep file cannot import relatively"
            f" ({relative.name!r}): write `from {name} import ...`, which finds {name}.py beside"
            " it."
        )
    for each in imports(text):
        top = each.name.partition(".")[0]
        beside = _beside(path, top)
        found = _origin(top)
        if beside and found and not _is_same(beside, found):
            raise RefusedImportError(
                f"{path}, line {each.line}: `import {top}` finds {found}, not {beside}: give"
                f" {beside.name} another name."
            )


def load_anew(modules: Iterable[SourceModule]) -> None:
    """Let modules whose text has changed since they were imported be imported again.

    Their texts are remembered as those of their code.
    """
    importlib.invalidate_caches()
    for module in modules:
        text = module.path.read_text()
        file = str(module.path)
        loaded = sys.modules.get(module.name)
        known = remembered_sources().get(file, [text])[-1]
        if loaded is not None and (getattr(loaded, "__file__", file) != file or known != text):
            _forget(module.name)
        remember_source(file, text)


def code_of(text: str, modules: Iterable[SourceModule], names: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of what a sweep file contributes beside the functions that its sweep names.

    There is one of each module of the user's that it needs, by name, and one of its statements with
    effects, such as registering an environment. `names` are those of the file after it was run.
    """
    found = {module.name: fingerprint(module_form(module.path.read_text())) for module in modules}
    effects = [_effect(statement, names) for statement in _with_effects(ast.parse(text))]
    return found | ({_STATEMENTS: fingerprint(effects)} if effects else {})


def _beside(path: Path, name: str) -> Path | None:
    places = (path.parent / f"{name}.py", path.parent / name / "__init__.py")
    return next((place for place in places if place.is_file() and not _is_same(place, path)), None)


def _origin(name: str) -> str | None:
    if name in sys.builtin_module_names:
        return f"Python's {name}"
    spec = PathFinder.find_spec(name)
    return spec.origin if spec else None


def _is_same(one: Path | str, other: Path | str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def _forget(name: str) -> None:
    for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        del sys.modules[each]


def _with_effects(tree: ast.Module) -> Iterator[ast.stmt]:
    """Return the statements of a file that do more than to name something."""
    for statement in tree.body:
        if isinstance(statement, ast.Expr):
            if not isinstance(statement.value, ast.Constant) and not _is_print(statement.value):
                yield statement
        elif isinstance(statement, ast.Assign):
            if not all(isinstance(each, ast.Name | ast.Tuple) for each in statement.targets):
                yield statement
        elif isinstance(statement, ast.If):
            if "__name__" not in ast.dump(statement.test):
                yield statement
        elif isinstance(statement, ast.For | ast.While | ast.With | ast.Try | ast.Delete):
            yield statement


def _is_print(value: ast.expr) -> bool:
    function = value.func if isinstance(value, ast.Call) else None
    return isinstance(function, ast.Name) and function.id == "print"


def _effect(statement: ast.stmt, names: Mapping[str, Any]) -> list[Any]:
    read = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    values = {name: names[name] for name in sorted(read & names.keys()) if _counts(names[name])}
    return [statement_form(statement), values]


def _counts(value: object) -> bool:
    is_code = isinstance(value, FunctionType | type) and is_users(value)
    return is_code or isinstance(value, _PLAIN)
