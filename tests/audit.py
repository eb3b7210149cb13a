"""Are the pinned packages free of holes that are known? A step of the check; `python
tests/audit.py` alone.

Asks pip-audit, where its data can be reached. Where it cannot, each package that had a hole which
matters here must at least be as new as the version that mended it.
"""

import json
import subprocess
import sys
from pathlib import Path

from packaging.version import Version

PINNED = Path(__file__).parent.parent / "constraints.txt"
SECONDS = 120
# The first versions without the hole.
MENDED = {
    "aiohttp": ("3.12.14", "CVE-2025-53643"),
    "cryptography": ("44.0.1", "CVE-2024-12797"),
    "gitpython": ("3.1.41", "CVE-2024-22190"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "mako": ("1.2.2", "CVE-2022-40023"),
    "pillow": ("11.3.0", "CVE-2025-48379"),
    "protobuf": ("6.31.1", "CVE-2025-4565"),
    "pyarrow": ("14.0.1", "CVE-2023-47248"),
    "ray": ("2.52.0", "CVE-2023-48022: the first with tokens"),
    "requests": ("2.32.4", "CVE-2024-47081"),
    "starlette": ("0.49.1", "CVE-2025-62727"),
    "torch": ("2.6.0", "CVE-2025-32434"),
    "tqdm": ("4.66.3", "CVE-2024-34062"),
    "urllib3": ("2.5.0", "CVE-2025-50181"),
    "werkzeug": ("3.1.4", "CVE-2025-66221"),
}


def pinned() -> dict[str, str]:
    """The versions of constraints.txt by package."""
    lines = PINNED.read_text().split()
    return {
        name.lower().replace("_", "-"): version
        for name, _, version in (line.partition("==") for line in lines)
    }


def too_old(versions: dict[str, str]) -> list[str]:
    """A line for each package that is older than it must be."""
    return [
        f"{name} {versions[name]} is older than {least}, which mended {hole}"
        for name, (least, hole) in MENDED.items()
        if name in versions and Version(versions[name]) < Version(least)
    ]


def known_holes() -> list[str] | None:
    """What pip-audit finds, a line a hole; None where it cannot reach its data."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "-r",
        str(PINNED),
        "--disable-pip",
        "--no-deps",
        "--format",
        "json",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    if all("vulns" not in package for package in packages):  # none was found in the data
        return None
    return [
        f"{package['name']} {package['version']}: {hole['id']}, mended in"
        f" {', '.join(hole['fix_versions']) or 'none'}"
        for package in packages
        for hole in package.get("vulns", ())
    ]


def main() -> int:
    """0 where nothing is known against the pinned versions."""
    holes = known_holes()
    if holes is None:
        print(
            "pip-audit cannot reach its data: versions are compared with the list in"
            " tests/audit.py."
        )
        holes = too_old(pinned())
    print("\n".join(holes) or "Nothing is known against the pinned versions.")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
