"""The environments that are registered with Gymnasium in one process, restored in another."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

import gymnasium
from gymnasium.envs.registration import EnvSpec


def registered_environments() -> list[EnvSpec]:
    """Return the specifications of all environments that are registered in this process."""
    return list(gymnasium.registry.values())


def restore_environments(specs: Sequence[EnvSpec]) -> None:
    """Register the environments of another process in this one, in place of equal names.

    Packages that register environments when they are imported are imported first, since Gymnasium
    warns of each name that is registered twice.
    """
    missing = [spec for spec in specs if spec.id not in gymnasium.registry]
    for package in sorted({package_of(spec) for spec in missing} - sys.modules.keys()):
        with suppress(ImportError):
            import_module(package)
    gymnasium.registry.update({spec.id: spec for spec in specs})


def package_of(spec: EnvSpec) -> str:
    """Return the package that contains an environment's class."""
    entry = spec.entry_point
    module = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    return str(module or "gymnasium").partition(":")[0].partition(".")[0]
