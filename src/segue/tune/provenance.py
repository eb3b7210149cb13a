"""With which code and versions a run was started."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("segue", "ray", "optuna", "torch", "numpy", "gymnasium")
_GIT_SECONDS = 10.0


def provenance() -> dict[str, Any]:
    """The command, versions and git commit of this process; `commit` is None outside of a repository."""
    return {
        "command": sys.orig_argv,
        "directory": str(Path.cwd()),
        "python": sys.version.split()[0],
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "commit": (_git("rev-parse", "HEAD") or "").strip() or None,
    }


def uncommitted_changes() -> str:
    """What `git diff` says of the repository around the current directory; empty outside of one."""
    return _git("diff", "HEAD") or ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, errors="replace", timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None
