"""The whole check, one line a step: what `make test`, `.ci/run` and a person run.

`python tests/check.py` runs everything, `--fast` leaves the slow tests out. A step's output is
shown when it fails; the tests' own closing lines always are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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

    def run(self) -> Result:
        """Run the command to its end."""
        began = time.monotonic()
        done = subprocess.run(
            [str(BIN / self.command[0]), *self.command[1:]],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Result(self, done.returncode, done.stdout.strip(), time.monotonic() - began)


@dataclass(frozen=True)
class Result:
    """How a step ended."""

    step: Step
    returncode: int
    output: str
    seconds: float

    def show(self) -> None:
        """Print one line, and the closing line of tests; after a failure the whole output."""
        outcome = "FAILED" if self.returncode else "ok"
        print(f"  {self.step.title:<{WIDTH}}{outcome:<7}{self.seconds:6.1f} s", flush=True)
        if self.returncode:
            print(self.output, flush=True)
        elif self.step.command[0] == "pytest":
            print(f"    {self.output.splitlines()[-1].strip('= ')}", flush=True)


def run_side_by_side(steps: Sequence[Step]) -> bool:
    """Run the steps two at a time and show each in its turn; return whether all passed."""
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(Step.run, steps)
        passed = True
        for result in results:
            result.show()
            passed = passed and not result.returncode
    return passed


def environment() -> dict[str, str]:
    """One thread per process: tests run alongside Ray workers on few cores."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


# Each uses one processor. Bytecode is written once, and not by tests: of a file that a test changes
# within a second, Python would take the old one.
SINGLE = (
    Step("bytecode", ("python", "-m", "compileall", "-q", "src")),
    Step("types (mypy --strict)", ("mypy",)),
    Step("format (ruff)", ("ruff", "format", "--check", ".")),
    Step("lint (ruff)", ("ruff", "check", ".")),
    Step("imports run one way", ("lint-imports",)),
    Step("known holes of the packages", ("python", "tests/audit.py")),
    Step("doctests", ("pytest", "src")),
)
FAST = Step("fast tests, two at a time", ("pytest", "tests", "-m", "not slow", "-n", "2"))
SLOW = Step(
    "slow tests, two at a time",
    ("pytest", "tests", "-m", "slow", "-n", "2", "--dist", "worksteal"),
)


def main() -> int:
    """Run the groups of steps in order; stop after the first in which a step fails."""
    groups = [SINGLE, (FAST,)] if "--fast" in sys.argv[1:] else [SINGLE, (FAST,), (SLOW,)]
    began = time.monotonic()
    count = sum(len(group) for group in groups)
    print(f"Segue check, {count} steps, Python {sys.version.split()[0]}", flush=True)
    passed = all(run_side_by_side(group) for group in groups)
    print(
        f"{'All passed' if passed else 'Stopped'} after {time.monotonic() - began:.0f} s.",
        flush=True,
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
