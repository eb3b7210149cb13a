"""Segue: hyperparameter sweeps over staged reinforcement-learning pipelines."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any


def _defining_modules() -> dict[str, str]:
    """Return the module of each public name, from the stub that editors and type checkers read."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


_MODULES = _defining_modules()
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    # On first use, since torch, Ray and Optuna take seconds to import.
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("segue")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, "__version__"})
