"""Code that is not installed: what a sweep file imports from beside it, and how it reaches the
workers of a cluster.
"""

import sys
from collections.abc import Iterable
from types import ModuleType

_INSTALLED = ("site-packages", "dist-packages")
_NOT_OWN = ("segue", "__main__", "__mp_main__")


def own_modules() -> list[str]:
    """The paths of the modules, and of the whole packages, that were imported so far and that
    nobody installed.
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
