"""Sweep files: one question each, found by name or by path."""

import ast
import importlib.util
import os
import sys
import traceback
from contextlib import suppress
from dataclasses import replace
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType

from segue.base.suggestions import suggestion
from segue.base.text import error_text
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.modules import users_modules
from segue.plan.values.source import remember_source
from segue.record.layout import RunLayout
from segue.tune.code.users_code import RefusedImportError, check_imports, code_of, load_anew

_PACKAGE = "sweeps"
_NOT_SWEEPS = ("__init__", "run")
_searched: list[str] = []  # what `sys.path` has for the sweep file that was loaded last


def sweep_files() -> dict[str, Path]:
    """Return the files of the folder `sweeps`, by name.

    The folder is the one in the current directory, or else the importable package.
    """
    folder = _folder()
    found = sorted(folder.glob("*.py")) if folder else []
    return {path.stem: path for path in found if path.stem not in _NOT_SWEEPS}


def title(path: Path) -> str:
    """Return the first line of a sweep file's docstring, without running the file.

    It is empty if there is no docstring.
    """
    try:
        return next(iter(docstring(path.read_text()).splitlines()), "")
    except (OSError, ValueError):
        return ""


def docstring(source: str) -> str:
    """Return the docstring of a sweep file's text without running it; empty if there is none."""
    try:
        return ast.get_docstring(ast.parse(source)) or ""
    except (SyntaxError, ValueError):
        return ""


def find_sweep(sweep: str) -> Path:
    """Return the sweep file of that name, or at that path; raise ValueError if there is none."""
    if sweep.endswith(".py") or os.sep in sweep:
        if RunLayout(Path(sweep)).definition.is_file():
            raise ValueError(
                f"{sweep} is a run directory, not a sweep: `segue show {sweep}` shows it, and the"
                " sweep's name or file resumes it."
            )
        if not Path(sweep).is_file():
            raise ValueError(
                f"There is no sweep file {sweep}: give the path of a .py file, or the name of a"
                " sweep."
            )
        return Path(sweep)
    files = sweep_files()
    if sweep not in files:
        raise ValueError(
            f"There is no sweep {sweep!r} in the folder {_PACKAGE}: {suggestion(sweep, files)}"
        )
    return files[sweep]


def load_sweep(path: Path) -> Sweep:
    """Run a sweep file and return its `sweep`.

    Raises ValueError, with the line, for any error in the file.
    """
    module, code = _run(path)
    sweep = getattr(module, "sweep", None)
    if not isinstance(sweep, Sweep):
        found = "has none" if sweep is None else f"has a {type(sweep).__name__} of that name"
        raise ValueError(f"{path} must define `sweep = Sweep(...)`, but {found}.")
    from ray import cloudpickle  # here, since the list of sweeps does not need Ray

    # Workers receive the file's functions by value: they need not find the file, or see it change.
    cloudpickle.register_pickle_by_value(module)
    return replace(sweep, code=code)


def _folder() -> Path | None:
    here = Path.cwd() / _PACKAGE
    if here.is_dir():
        return here
    package = importlib.util.find_spec(_PACKAGE)
    places = package.submodule_search_locations if package else None
    return Path(next(iter(places))) if places else None


def _run(path: Path) -> tuple[ModuleType, dict[str, str]]:
    """Run a sweep file, and return its module and the digests of the code that it needs."""
    name = f"{_PACKAGE}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file: give the path of one.")
    module = importlib.util.module_from_spec(spec)
    _make_importable(path.absolute().parent)
    sys.modules[name] = module
    try:
        text = decode_source(path.read_bytes())
        check_imports(path, text)
        modules = users_modules(text)
        load_anew(modules)
        remember_source(str(spec.origin), text)
        spec.loader.exec_module(module)
        return module, code_of(text, modules, vars(module))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also of `sys.exit()`: a file that ends early defines no sweep
        del sys.modules[name]
        place = "" if isinstance(error, RefusedImportError) else f"{_place(path, error)}: "
        raise ValueError(f"{place}{_message(error)}") from error


def _make_importable(folder: Path) -> None:
    """Let a sweep file import modules from its folder and the current one, which come last.

    A file that is named like a module of a library does not replace it. Only the copies of modules
    in a run directory come first, since the modules themselves may have changed since. The folders
    of a sweep file that was loaded before are not searched any more.
    """
    for place in _searched:
        with suppress(ValueError):
            sys.path.remove(place)
    run = RunLayout(folder)
    copies = [str(run.code)] if run.definition.is_file() and run.code.is_dir() else []
    new = dict.fromkeys([str(folder), str(Path.cwd())])
    _searched[:] = copies + [place for place in new if place not in sys.path]
    sys.path[:] = [*copies, *sys.path, *_searched[len(copies) :]]


def _place(path: Path, error: BaseException) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == path.absolute()
    ]
    line = error.lineno if isinstance(error, SyntaxError) else next(iter(lines), None)
    return f"{path}, line {line}" if line else str(path)


def _message(error: BaseException) -> str:
    if isinstance(error, ValueError):
        return " ".join(str(error).split())
    return f"{error_text(error)}."
