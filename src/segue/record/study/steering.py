"""What people request of a sweep that runs: the files of requests, and the study's record of them.

A request is a file of the run, with a name of its own. The driver applies it and records it in the
study, under that name, in the transaction of its effect; then it removes the file. So a request is
applied once, whenever the driver is killed.
"""

import getpass
import os
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from optuna.trial import FrozenTrial
from pydantic import Field

from segue.base.files import parse_json, write_atomic
from segue.base.strict_json import restore_numbers, to_json
from segue.record.layout import REQUESTS, RunLayout
from segue.record.local_run import LocalRun
from segue.record.study.attributes import STAGE, STEERED, stage_number
from segue.record.validation import Checked, Steps, read_file, validated
from segue.store.objects import Store, StoreError

STOP_TRIAL = "stop"
END_STAGE = "end_stage"
ADD = "add"
PAUSE = "pause"
RESUME = "resume"
Action = Literal["stop", "end_stage", "add", "pause", "resume"]
SUFFIX = ".json"


class Request(Checked):
    """What a person requests of a sweep."""

    action: Action
    by: str = Field(min_length=1, max_length=200)
    """The user and the machine."""
    at: str = Field(max_length=40)
    """When it was requested, in ISO format."""
    trial: Steps | None = None
    """The number of the trial to stop, or whose stage is to end."""
    stage: Steps | None = None
    """The index of the stage to end, from 0."""
    parameters: dict[str, Any] = Field({})
    """What the study is to record of the parameters of an added trial."""
    name: str = Field("", exclude=True)
    """The name of the request's file, without its suffix; it is not part of the file."""

    def recorded(self, **more: object) -> dict[str, Any]:
        """Return the study's record of the request, with further entries."""
        known = {"request": self.name, "action": self.action, "by": self.by, "at": self.at}
        trial = {} if self.trial is None else {"trial": self.trial}
        return {**known, **trial, **more}

    @property
    def origin(self) -> str:
        """Who made the request, and when, as the reason of its effect."""
        return origin(self.by, self.at)


@dataclass(frozen=True, kw_only=True)
class Steered:
    """A request that the study records: who made it, when, and what became of it."""

    action: str
    by: str
    at: str
    trial: int | None = None
    stage: int | None = None
    problem: str | None = None
    """Why it had no effect; None of one that was applied."""

    @property
    def description(self) -> str:
        """What was requested, in a few words."""
        trial = f"trial {self.trial}"
        stage = "a stage" if self.stage is None else f"stage {stage_number(self.stage)}"
        return {
            STOP_TRIAL: f"stop {trial}",
            END_STAGE: f"end {stage} of {trial}",
            ADD: f"add {trial}" if self.trial is not None else "add a trial",
        }.get(self.action, self.action)


def origin(by: str, at: str) -> str:
    """Return who made a request and when, for people.

    >>> origin("ann@lab", "2027-01-02T03:04:05+00:00")
    'ann@lab, 2027-01-02 03:04 UTC'
    """
    try:
        moment = datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, OverflowError):
        return by
    return f"{by}, {moment:%Y-%m-%d %H:%M} UTC"


def new_request(action: Action, **what: Any) -> Request:
    """Return a request of this user, made now, with a name of its own."""
    moment = datetime.now(UTC)
    name = f"{moment:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}"
    at = moment.isoformat(timespec="seconds")
    return Request(action=action, by=_this_user(), at=at, name=name, **what)


def write_request(run: LocalRun, request: Request) -> None:
    """Write a request for the driver of a run: into its folder, or its store.

    Raise ValueError for a folder or a store that cannot be written.
    """
    content = to_json(request.model_dump(exclude_none=True)) + "\n"
    if run.store:
        try:
            run.store.write(f"{REQUESTS}/{request.name}{SUFFIX}", content.encode())
        except StoreError as error:
            raise ValueError(str(error)) from error
        return
    folder = RunLayout(run.path).requests
    try:
        folder.mkdir(exist_ok=True)
        write_atomic(folder / f"{request.name}{SUFFIX}", content)
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be written ({error.strerror}): the sweep is steered by files there."
        ) from error


def waiting_requests(run: LocalRun) -> list[Request]:
    """Return the requests that the driver of a run has not recorded yet, by their time.

    Files that are not requests are left out. Raise ValueError for an unavailable store.
    """
    try:
        return _waiting(run.store.at(REQUESTS) if run.store else None, RunLayout(run.path).requests)
    except StoreError as error:
        raise ValueError(str(error)) from error


def _waiting(store: Store | None, folder: Path) -> list[Request]:
    names = list(store.names()) if store else [path.name for path in folder.glob(f"*{SUFFIX}")]
    found = []
    for name in sorted(name for name in names if name.endswith(SUFFIX)):
        with suppress(ValueError):
            content = store.read(name) if store else read_file(folder / name)
            found.append(parse_request(content or b"", name.removesuffix(SUFFIX)))
    return found


def parse_request(content: bytes, name: str) -> Request:
    """Return the request of a file's content; raise ValueError, with the reason, for another."""
    found = validated(restore_numbers(parse_json(content)), Request)
    return found.model_copy(update={"name": name})


def steered_of(trial: FrozenTrial) -> list[dict[str, Any]]:
    """Return the requests that changed a trial."""
    return list(trial.user_attrs.get(STEERED, []))


def is_added(trial: FrozenTrial) -> bool:
    """Return whether a person added the trial to the sweep."""
    return any(each["action"] == ADD for each in steered_of(trial))


def has_ended_stage(trial: FrozenTrial) -> bool:
    """Return whether a person ended a stage of the trial, which its parameters do not say."""
    return any(each["action"] == END_STAGE for each in steered_of(trial))


def steered(trials: Iterable[FrozenTrial], recorded: Sequence[Mapping[str, Any]]) -> list[Steered]:
    """Return the requests that a study records, of its trials and of the study, by their time."""
    entries = [{**entry, "trial": trial.number} for trial in trials for entry in steered_of(trial)]
    found = sorted([*entries, *recorded], key=lambda entry: str(entry["request"]))
    return [
        Steered(
            action=entry["action"],
            by=entry["by"],
            at=entry["at"],
            trial=entry.get("trial"),
            stage=entry.get(STAGE),
            problem=entry.get("problem"),
        )
        for entry in found
    ]


def pause_of(recorded: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the record of the pause in which a sweep is; None of one that is not paused."""
    changes = [
        entry
        for entry in recorded
        if entry["action"] in (PAUSE, RESUME) and entry.get("problem") is None
    ]
    return changes[-1] if changes and changes[-1]["action"] == PAUSE else None


def _this_user() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user number without a name, as in containers
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
