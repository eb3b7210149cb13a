"""The modules of a user's own that a sweep file imports, found without running them."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.util import resolve_name
from pathlib import Path

from segue.plan.values.code import is_users_file

# "catcher:Catcher-v0" names an environment that importing `catcher` registers.
_MODULE_OF_WORLD = re.compile(r"(?:gym/)?([A-Za-z_][\w.]*):")


@dataclass(frozen=True)
class SourceModule:
    """A module of the user's: its dotted name, and its file."""

    name: str
    path: Path
    is_package: bool

    @property
    def file(self) -> Path:
        """The path of the file below a folder from which the module can be imported."""
        place = Path(*self.name.split("."))
        return place / "__init__.py" if self.is_package else place.with_suffix(".py")


@dataclass(frozen=True)
class Import:
    """A name that a file imports, and the line on which it does so."""

    name: str
    line: int


def users_modules(text: str) -> list[SourceModule]:
    """Return the modules of the user's own that a file needs, and those that these need, by name.

    They are the modules that are imported anywhere in the text, and those that strings such as
    "catcher:Catcher-v0" name. Modules of Python, of Segue and of installed packages are left out.
    Raise SyntaxError if a file is not Python.
    """
    found: dict[str, SourceModule] = {}
    names = list(_names(text))
    while names:
        name = names.pop()
        module = None if name in found else _module(name)
        if module:
            found[name] = module
            names += _names(module.path.read_text(), _package_of(module))
            names += [name.rpartition(".")[0]] if "." in name else []
    return [found[name] for name in sorted(found)]


def imports(text: str, package: str = "") -> Iterator[Import]:
    """Return the absolute names that a file of a package imports; `from a import b` gives two.

    Relative imports of a file without a package are left out.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield Import(base, node.lineno)
            yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)


def relative_import(text: str) -> Import | None:
    """Return the first relative import of a file, None if it has none."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            return Import("." * node.level + (node.module or ""), node.lineno)
    return None


def _names(text: str, package: str = "") -> Iterator[str]:
    for each in imports(text, package):
        yield each.name
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = _MODULE_OF_WORLD.match(node.value)
            if named:
                yield named[1]
        elif isinstance(node, ast.Call) and _is_import(node.func) and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def _is_import(function: ast.expr) -> bool:
    name = getattr(function, "attr", None) or getattr(function, "id", None)
    return name in ("import_module", "__import__")


def _package_of(module: SourceModule) -> str:
    return module.name if module.is_package else module.name.rpartition(".")[0]


def _module(name: str) -> SourceModule | None:
    """Return the module of that name if it is the user's, without importing it."""
    top = name.partition(".")[0]
    if top == "segue" or top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return None
    places = None
    spec = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), places)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    if not is_users_file(spec.origin):
        return None
    return SourceModule(name, Path(spec.origin), places is not None)
