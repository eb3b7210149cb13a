"""From whose checkpoint a trial continued last, in a file of the trial's own."""

import json
from pathlib import Path

from segue.base.files import write_atomic
from segue.plan.decision import Exploit
from segue.record.layout import RunLayout, TrialLayout


def write_lineage(trial: TrialLayout, exploit: Exploit) -> None:
    """Record that the trial continues from there; from now on it resumes in that generation."""
    known = {
        "generation": exploit.generation,
        "checkpoint": str(exploit.checkpoint),
        "parameters": dict(exploit.parameters),
    }
    write_atomic(trial.lineage, json.dumps(known) + "\n")


def read_lineage(trial: TrialLayout) -> Exploit | None:
    """Return where the trial continued from; None where it started from scratch."""
    try:
        known = json.loads(trial.lineage.read_text())
    except FileNotFoundError:
        return None
    checkpoint = Path(known["checkpoint"])
    run = RunLayout(trial.path.parents[1])  # which may have moved since
    copy = run.decisions_folder / checkpoint.name
    return Exploit(known["generation"], copy if copy.exists() else checkpoint, known["parameters"])
