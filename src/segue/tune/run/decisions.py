"""What the driver tells a running trial, in a file of the trial's that only the driver writes.

A report returns when the driver has dealt with it: what it had to say is then on the disk. A trial
that is resumed makes its last report again and reads the same answer.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segue.base.files import write_atomic
from segue.plan.decision import Decision, Exploit

_EXPLOITS = "exploits"


def tell_stage_end(path: Path, stage: int, env_steps: int, by: str) -> None:
    """Tell the trial that its stage is to end, since what it reported at `env_steps`; the first
    telling stands.
    """
    _write(path, {str(stage): {"env_steps": env_steps, "by": by}} | _read(path))


def tell_exploit(
    path: Path, env_steps: int, donor: int, checkpoint: Path, parameters: Mapping[str, Any]
) -> None:
    """Tell the trial to go on from a copy of that checkpoint, since what it reported at
    `env_steps`.
    """
    known = _read(path)
    told = known.get(_EXPLOITS, [])
    kept = path.with_name(f"{path.stem}-{len(told) + 1}.pt")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint, kept)  # the other trial goes on and removes it
    told = [
        *told,
        {
            "env_steps": env_steps,
            "from": donor,
            "checkpoint": kept.name,
            "parameters": dict(parameters),
        },
    ]
    _write(path, known | {_EXPLOITS: told})


def was_told_to_exploit(path: Path, env_steps: int) -> bool:
    """Whether there is an answer of that kind to what the trial reported at `env_steps`."""
    return any(told["env_steps"] == env_steps for told in _read(path).get(_EXPLOITS, []))


def answer_to(path: Path, row: dict[str, Any]) -> Decision:
    """What there is to say to a report."""
    known = _read(path)
    told = known.get(str(row["stage"]))
    # A trial that went back to an older checkpoint comes to the report that was answered again.
    end = row["stage"] if told and row["env_steps"] >= told["env_steps"] else None
    exploits = [
        Exploit(index, path.with_name(each["checkpoint"]), each["parameters"])
        for index, each in enumerate(known.get(_EXPLOITS, []), start=1)
        if row["env_steps"] >= each["env_steps"]
    ]
    return Decision(end, exploits[-1] if exploits else None)


def _write(path: Path, known: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(known) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
