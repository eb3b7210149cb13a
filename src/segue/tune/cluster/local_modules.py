"""Find the code that a sweep imports and that is not installed, to send it to the workers."""

import sys
from collections.abc import Iterable
from types import ModuleType

_INSTALLED = ("site-packages", "dist-packages")
_NOT_OWN = ("segue", "__main__", "__mp_main__")


def local_modules() -> list[str]:
    """Return the paths of imported modules and packages that are not installed.

    For a package it is the path of its folder.
    """
    tops = (
        {name.partition(".")[0] for name in list(sys.modules)}
        - sys.stdlib_module_names
        - set(_NOT_OWN)
    )
    found = {path for name in tops for path in _paths(sys.modules.get(name))}
    return sorted(path for path in found if not any(part in path.split("/") for part in _INSTALLED))


def _paths(module: ModuleType | None) -> Iterable[str]:
    folders = list(getattr(module, "__path__", ()))
    if folders:
        return folders[:1]
    file = getattr(module, "__file__", None)
    return [file] if file and file.endswith(".py") else []
