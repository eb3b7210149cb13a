"""Sweep files: one question each, found by name or by path."""

import ast
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from segue.base.suggestions import suggestion
from segue.plan.sweeps.sweep import Sweep

_PACKAGE = "sweeps"
_NOT_SWEEPS = ("__init__", "run")


def sweep_files() -> dict[str, Path]:
    """The files of the folder `sweeps` by name: of the current directory, or else of the importable
    package.
    """
    folder = _folder()
    found = sorted(folder.glob("*.py")) if folder else []
    return {path.stem: path for path in found if path.stem not in _NOT_SWEEPS}


def title(path: Path) -> str:
    """The first line of a sweep file's docstring, read without running the file; empty where there
    is none.
    """
    try:
        return next(iter(docstring(path.read_text()).splitlines()), "")
    except (OSError, ValueError):
        return ""


def docstring(source: str) -> str:
    """The docstring of a sweep file's text, which is not run; empty where there is none."""
    try:
        return ast.get_docstring(ast.parse(source)) or ""
    except (SyntaxError, ValueError):
        return ""


def find_sweep(asked: str) -> Path:
    """The sweep file of that name, or at that path; raises ValueError where there is none."""
    if asked.endswith(".py") or os.sep in asked:
        if not Path(asked).is_file():
            raise ValueError(
                f"There is no sweep file {asked}: give the path of a .py file, or the name of a"
                " sweep."
            )
        return Path(asked)
    files = sweep_files()
    if asked not in files:
        raise ValueError(
            f"There is no sweep {asked!r} in the folder {_PACKAGE}: {suggestion(asked, files)}"
        )
    return files[asked]


def load_sweep(path: Path) -> Sweep:
    """Run a sweep file and return its `sweep`; raises ValueError, with the line, for whatever is
    wrong in it.
    """
    module = _run(path)
    sweep = getattr(module, "sweep", None)
    if not isinstance(sweep, Sweep):
        found = "has none" if sweep is None else f"has a {type(sweep).__name__} of that name"
        raise ValueError(f"{path} must define `sweep = Sweep(...)`, but {found}.")
    from ray import cloudpickle  # here, since the list of sweeps does not need Ray

    # Workers get the file's functions whole: they need not find the file, nor see it changed.
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
        raise ValueError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    _make_importable(path.parent.resolve(), Path.cwd())
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(f"{_place(path, error)}: {_said(error)}") from error
    return module


def _make_importable(*places: Path) -> None:
    """Let the sweep file import what lies in `places`, as `python path` would, here and in the
    workers to come.
    """
    new = [str(place) for place in places if str(place) not in sys.path]
    sys.path[:0] = new
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*new, *([inherited] if inherited else [])])


def _place(path: Path, error: Exception) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == path
    ]
    line = error.lineno if isinstance(error, SyntaxError) else next(iter(lines), None)
    return f"{path}, line {line}" if line else str(path)


def _said(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said if isinstance(error, ValueError) else f"{type(error).__name__}: {said}"
