"""Record the code and the versions with which a run was started."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from segue.store.secrets import HIDDEN, without_secrets

_PACKAGES = ("segue", "ray", "optuna", "torch", "numpy", "gymnasium")
_GIT_SECONDS = 10.0
_CPU_INFO = Path("/proc/cpuinfo")
NOTIFY = "--notify"  # the option whose value may hold a password


def provenance() -> dict[str, Any]:
    """Return the command, versions and git commit of this process.

    `commit` is None outside of a repository.
    """
    return {
        "command": redacted_command(sys.orig_argv),
        "directory": str(Path.cwd()),
        "python": sys.version.split()[0],
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "machine": machine(),
        "commit": (_git("rev-parse", "HEAD") or "").strip() or None,
    }


def redacted_command(command: Sequence[str]) -> list[str]:
    """Return a command line without secrets: the value of `--notify`, and passwords in URLs.

    >>> redacted_command(["run", "--notify", "https://h/secret", "--notify=curl secret"])
    ['run', '--notify', '***', '--notify=***']
    """
    redacted = []
    for before, argument in zip(["", *command], command, strict=False):
        if before == NOTIFY:
            redacted.append(HIDDEN)
        else:
            redacted.append(
                f"{NOTIFY}={HIDDEN}"
                if argument.startswith(f"{NOTIFY}=")
                else without_secrets(argument)
            )
    return redacted


def machine() -> dict[str, Any]:
    """Return what numerical results may depend on: operating system, processor, number of cores."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def uncommitted_changes() -> str:
    """Return `git diff HEAD` of the current directory's repository; empty outside of one."""
    return _git("diff", "HEAD") or ""


def _processor() -> str:
    lines = _CPU_INFO.read_text().splitlines() if _CPU_INFO.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    try:
        finished = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout if finished.returncode == 0 else None
