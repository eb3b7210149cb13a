"""Sweep files: one question each, found by name or by path."""

import ast
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from segue.base.suggestions import suggestion
from segue.base.text import error_text
from segue.plan.sweeps.sweep import Sweep

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
    module = _run(path)
    sweep = getattr(module, "sweep", None)
    if not isinstance(sweep, Sweep):
        found = "has none" if sweep is None else f"has a {type(sweep).__name__} of that name"
        raise ValueError(f"{path} must define `sweep = Sweep(...)`, but {found}.")
    from ray import cloudpickle  # here, since the list of sweeps does not need Ray

    # Workers receive the file's functions by value: they need not find the file, or see it change.
    cloudpickle.register_pickle_by_value(module)
    return sweep


def _folder() -> Path | None:
    here = Path.cwd() / _PACKAGE
    if here.is_dir():
        return here
    package = importlib.util.find_spec(_PACKAGE)
    places = package.submodule_search_locations if package else None
    return Path(next(iter(places))) if places else None


def _run(path: Path) -> ModuleType:
    name = f"{_PACKAGE}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file: give the path of one.")
    module = importlib.util.module_from_spec(spec)
    _make_importable(path.parent.resolve(), Path.cwd())
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also of `sys.exit()`: a file that ends early defines no sweep
        del sys.modules[name]
        raise ValueError(f"{_place(path, error)}: {_message(error)}") from error
    return module


def _make_importable(*places: Path) -> None:
    """Let the sweep file import modules from `places`, and not from those of an earlier file.

    They are searched last: a file that is named like a module of a library does not replace it.
    """
    for place in _searched:
        sys.path.remove(place)
    new = dict.fromkeys(str(place) for place in places)
    _searched[:] = [place for place in new if place not in sys.path]
    sys.path.extend(_searched)


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
