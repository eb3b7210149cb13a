"""Four trials that report in turns, whatever the machine does."""

import time
from pathlib import Path
from typing import Any

from segue.base.files import write_atomic
from segue.plan.sweeps.sweep import Sweep
from segue.tune.worker.one import Report, train_one
from segue.tune.worker.solo import Runner

ORDER = (1, 3, 0, 2)
LEADERS = (1, 3)  # a report ahead of the others


def turn(number: int, steps: int, interval: int) -> tuple[int, int]:
    """When a trial makes a report, among the reports of all trials."""
    return steps - interval * (number in LEADERS), ORDER.index(number)


def make_paced(interval: int, total: int) -> Runner:
    """A runner of trials of `total` steps, which report every `interval` steps, in turns."""

    def paced(
        sweep: Sweep, parameters: Any, directory: Path, *, device: str, report: Report
    ) -> None:
        number = int(directory.name)

        def answered(other: int) -> int:
            path = directory.parent / f"answered-{other}"
            return int(path.read_text()) if path.exists() else 0

        def answer(steps: int) -> None:
            write_atomic(directory.parent / f"answered-{number}", str(steps))

        def report_in_turn(row: dict[str, Any]) -> Any:
            # A trial that adopts a policy ends without an answer, and resumes at its donor's step.
            answer(max(answered(number), row["env_steps"] - interval))
            own = turn(number, row["env_steps"], interval)
            earlier = [
                (other, steps)
                for other in ORDER
                for steps in range(interval, total + interval, interval)
                if other != number and turn(other, steps, interval) < own
            ]
            while any(answered(other) < steps for other, steps in earlier):
                time.sleep(0.02)
            decision = report(row)
            answer(row["env_steps"])
            return decision

        train_one(sweep, parameters, directory, device=device, report=report_in_turn)

    return paced
