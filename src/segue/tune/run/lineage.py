"""From whose checkpoint a trial continued last, in a file of the trial's own."""

from typing import Any

from pydantic import Field

from segue.base.files import write_atomic
from segue.base.paths import inside
from segue.base.strict_json import restore_numbers, to_json
from segue.plan.decision import Exploit
from segue.record.layout import RunLayout, TrialLayout
from segue.record.validation import Checked, Steps, read_object


class _Lineage(Checked):
    """The content of `lineage.json`."""

    generation: Steps
    checkpoint: str = Field(min_length=1)
    parameters: dict[str, Any]


def write_lineage(trial: TrialLayout, exploit: Exploit) -> None:
    """Record that the trial continues from there; from now on it resumes in that generation."""
    known = {
        "generation": exploit.generation,
        "checkpoint": exploit.checkpoint.name,
        "parameters": dict(exploit.parameters),
    }
    write_atomic(trial.lineage, to_json(known) + "\n")


def read_lineage(trial: TrialLayout) -> Exploit | None:
    """Return where the trial continued from; None where it started from scratch.

    Raise ValueError, in one sentence, for a file that is damaged, and for a checkpoint outside the
    folder of the decisions.
    """
    known = read_object(trial.lineage, _Lineage)
    if known is None:
        return None
    run = RunLayout(trial.path.parents[1])
    checkpoint = inside(run.decisions_folder, known.checkpoint)
    return Exploit(known.generation, checkpoint, restore_numbers(known.parameters))
