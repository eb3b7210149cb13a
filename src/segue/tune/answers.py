"""What the driver tells a running trial, in a file of the trial's that only the driver writes.

A report returns when the driver has dealt with it: what it had to say is then on the disk. A trial that is resumed
makes its last report again and reads the same answer.
"""

import json
from pathlib import Path
from typing import Any

from segue.plan.answer import Answer
from segue.plan.files import write_atomic


def tell_stage_end(path: Path, stage: int, env_steps: int, by: str) -> None:
    """Tell the trial that its stage is to end, since what it reported at `env_steps`."""
    known = _read(path)
    known[str(stage)] = {"env_steps": env_steps, "by": by}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(known) + "\n")


def answer_to(path: Path, row: dict[str, Any]) -> Answer:
    """What there is to say to a report."""
    told = _read(path).get(str(row["stage"]))
    # A trial that went back to an older checkpoint comes to the report that was answered again.
    return Answer(row["stage"]) if told and row["env_steps"] >= told["env_steps"] else Answer()


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
