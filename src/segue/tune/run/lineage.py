"""From whose checkpoint a trial went on last, in a file of the trial's own."""

import json
from pathlib import Path

from segue.base.files import write_atomic
from segue.plan.decision import Exploit

_NAME = "lineage.json"


def write_lineage(directory: Path, exploit: Exploit) -> None:
    """Record that the trial goes on from there; from now on it resumes in that generation."""
    known = {"generation": exploit.generation, "checkpoint": str(exploit.checkpoint)}
    write_atomic(
        directory / _NAME, json.dumps(known | {"parameters": dict(exploit.parameters)}) + "\n"
    )


def read_lineage(directory: Path) -> Exploit | None:
    """Where the trial went on from; None where it is its own."""
    try:
        known = json.loads((directory / _NAME).read_text())
    except FileNotFoundError:
        return None
    checkpoint = Path(known["checkpoint"])
    beside = directory.parents[1] / "answers" / checkpoint.name  # the run may be elsewhere by now
    return Exploit(
        known["generation"], beside if beside.exists() else checkpoint, known["parameters"]
    )
