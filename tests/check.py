"""The whole check, one line a step: what `make test`, `.ci/run` and a person run.

`python tests/check.py` runs everything, `--fast` leaves the slow tests out. A step's output is
shown when it fails; the tests' own closing lines always are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
WIDTH = 36


@dataclass(frozen=True)
class Step:
    """One command and what it shows."""

    title: str
    command: tuple[str, ...]

    def run(self) -> bool:
        """Run it and print one line; on failure its output as well. True when it passed."""
        print(f"  {self.title:<{WIDTH}}", end="", flush=True)
        began = time.monotonic()
        done = subprocess.run(
            [str(BIN / self.command[0]), *self.command[1:]],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = done.stdout.strip().splitlines()
        print(
            f"{'ok' if done.returncode == 0 else 'FAILED':<7}{time.monotonic() - began:6.1f} s",
            flush=True,
        )
        if done.returncode:
            print("\n".join(said), flush=True)
        elif self.command[0] == "pytest":
            print(f"    {said[-1].strip('= ')}", flush=True)
        return done.returncode == 0


def environment() -> dict[str, str]:
    """One thread a process: tests run beside Ray workers on few cores."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


STEPS = (
    Step("format (ruff)", ("ruff", "format", "--check", ".")),
    Step("lint (ruff)", ("ruff", "check", ".")),
    Step("types (mypy --strict)", ("mypy",)),
    Step("imports run one way", ("lint-imports",)),
    Step("known holes of the packages", ("python", "tests/audit.py")),
    Step("doctests", ("pytest", "src")),
    Step("fast tests, two at a time", ("pytest", "tests", "-m", "not slow", "-n", "2")),
)
SLOW = (
    Step("slow tests, two at a time", ("pytest", "tests", "-m", "slow and not ray", "-n", "2")),
    Step(
        "slow tests on Ray, two files a time",
        ("pytest", "tests", "-m", "slow and ray", "-n", "2", "--dist", "loadfile"),
    ),
)


def main() -> int:
    """Run the steps in order; stop at the first that fails."""
    steps = STEPS if "--fast" in sys.argv[1:] else (*STEPS, *SLOW)
    began = time.monotonic()
    print(f"Segue check, {len(steps)} steps, Python {sys.version.split()[0]}", flush=True)
    passed = all(step.run() for step in steps)
    print(
        f"{'All passed' if passed else 'Stopped'} after {time.monotonic() - began:.0f} s.",
        flush=True,
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
