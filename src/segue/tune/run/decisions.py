"""The driver's decisions on a running trial, other than to stop it.

They are in a file of the trial that only the driver writes. A report returns once the driver has
processed it: its decisions are then on the disk. A trial that is resumed makes its last report
again and reads the same decisions.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from segue.base.files import check_replaceable, parse_json, write_atomic
from segue.base.paths import inside
from segue.base.strict_json import restore_numbers, to_json
from segue.plan.decision import Decision, Exploit
from segue.record.row import ENV_STEPS, STAGE, Row
from segue.record.validation import Checked, Steps, read_file, validated

_EXPLOITS = "exploits"
_BY_PERSON = "by_person"


class _StageEnd(Checked):
    env_steps: Steps
    by_person: bool = False


class _Exploit(Checked):
    env_steps: Steps
    checkpoint: str = Field(min_length=1)
    parameters: dict[str, Any]


class _Decisions(Checked):
    """The form of the file; its other entries are decisions to end a stage, by its index."""

    exploits: list[_Exploit] = Field([])


def decide_stage_end(path: Path, stage: int, env_steps: int, by: str) -> None:
    """Let the trial end its stage, as of its report at `env_steps`; the first decision counts."""
    _write(path, {str(stage): {ENV_STEPS: env_steps, "by": by}} | _read(path))


def decide_stage_end_by_person(path: Path, stage: int, env_steps: int, by: str) -> None:
    """Let the trial end its stage, as of its report at `env_steps`, whatever its criterion is.

    It replaces the decision of a scheduler, after which a criterion of several parts may continue.
    """
    recorded = _read(path)
    if not recorded.get(str(stage), {}).get(_BY_PERSON):
        _write(path, recorded | {str(stage): {ENV_STEPS: env_steps, "by": by, _BY_PERSON: True}})


def decide_exploit(
    path: Path, env_steps: int, donor: int, checkpoint: Path, parameters: Mapping[str, Any]
) -> None:
    """Let the trial continue from another trial's checkpoint, from its report at `env_steps` on.

    The checkpoint is copied.
    """
    recorded = _read(path)
    exploits = recorded.get(_EXPLOITS, [])
    copy = path.with_name(f"{path.stem}-{len(exploits) + 1}.pt")
    path.parent.mkdir(parents=True, exist_ok=True)
    check_replaceable(copy)
    shutil.copyfile(checkpoint, copy)  # the other trial trains on and removes the checkpoint
    exploit = {
        ENV_STEPS: env_steps,
        "from": donor,
        "checkpoint": copy.name,
        "parameters": dict(parameters),
    }
    _write(path, recorded | {_EXPLOITS: [*exploits, exploit]})


def has_exploit_at(path: Path, env_steps: int) -> bool:
    """Return whether the trial continues from another trial at its report at `env_steps`."""
    return any(exploit[ENV_STEPS] == env_steps for exploit in _read(path).get(_EXPLOITS, []))


def decision_for(path: Path, row: Row) -> Decision:
    """Return what is decided at a report.

    Raise ValueError for decisions that name a checkpoint outside their folder.
    """
    recorded = _read(path)
    exploits = [
        Exploit(index, inside(path.parent, each["checkpoint"]), each["parameters"])
        for index, each in enumerate(recorded.get(_EXPLOITS, []), start=1)
        if row[ENV_STEPS] >= each[ENV_STEPS]
    ]
    exploit = exploits[-1] if exploits else None
    stage_end: Mapping[str, Any] | None = recorded.get(str(row[STAGE]))
    # A trial that went back to an older checkpoint comes to the report of the decision again.
    if stage_end is None or row[ENV_STEPS] < stage_end[ENV_STEPS]:
        return Decision(exploit=exploit)
    return Decision(row[STAGE], exploit, by_person=bool(stage_end.get(_BY_PERSON)))


def checkpoints_named_in(content: bytes) -> list[str]:
    """Return the checkpoints that decisions name; raise ValueError for damaged ones."""
    return [each["checkpoint"] for each in parse_decisions(content).get(_EXPLOITS, [])]


def _write(path: Path, recorded: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, to_json(recorded) + "\n")


def check_decisions(path: Path) -> None:
    """Raise ValueError, in one sentence, for a file of decisions that is damaged."""
    _read(path)


def _read(path: Path) -> dict[str, Any]:
    content = read_file(path)
    if content is None:
        return {}
    try:
        return parse_decisions(content)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): restore it.") from error


def parse_decisions(content: bytes) -> dict[str, Any]:
    """Return the decisions in the content of a file; raise ValueError, with the reason, for a
    damaged one.
    """
    known: dict[str, Any] = restore_numbers(parse_json(content))
    validated(known, _Decisions)
    for stage in known.keys() - {_EXPLOITS}:
        validated(known[stage], _StageEnd)
    return known
