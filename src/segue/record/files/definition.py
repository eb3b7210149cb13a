"""The definition of a run: what `sweep.json` holds, read and written here only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from segue.base.files import parse_json, write_atomic
from segue.base.strict_json import to_json
from segue.record.layout import DEFINITION, RunLayout
from segue.record.validation import Checked, parse_object, read_file, validated

FORMAT = 1
"""Version of the format of run directories; to be raised whenever a file of a run changes so that
an earlier version of Segue, or a later one, would read it wrongly.
"""


class _Sweep(Checked):
    """The entries of a described sweep that readers use."""

    metric: str = Field(min_length=1)
    mode: Literal["max", "min"]
    seeds: int = Field(1, ge=1, le=10_000)
    pinned: dict[str, Any] = Field({})
    objectives: list[list[Any]] = Field([])


class _Start(Checked):
    """When, where and with which code a run was started or resumed."""

    started: str
    command: list[str] = Field([])
    directory: str = ""
    python: str = ""
    versions: dict[str, str] = Field({})
    machine: dict[str, Any] = Field({})
    commit: str | None = None
    changes: list[str] = Field([])
    search: str | None = None
    max_env_steps: int | None = None
    target: float | None = None
    longest_trial: int = 0


class _Place(BaseModel):
    """Where the study is, if it is in a database."""

    model_config = ConfigDict(strict=True)
    storage: str
    name: str


class _File(Checked):
    """The content of `sweep.json`."""

    name: str = Field(min_length=1)
    fingerprint: str
    definition: dict[str, Any]
    runs: list[dict[str, Any]] = Field(min_length=1)
    study: _Place | None = None
    question: str = ""


@dataclass(frozen=True, kw_only=True)
class RunDefinition:
    """What a run was made for, and by which code."""

    name: str
    """Name of the sweep."""
    fingerprint: str
    """Digest of the definition."""
    sweep: Mapping[str, Any]
    """The sweep as `Sweep.describe` returns it."""
    runs: tuple[Mapping[str, Any], ...] = ()
    """One entry for each time that the run was started or resumed: when, and with which command and
    versions.
    """
    study: Mapping[str, str] | None = None
    """Where the study is, if it is in a database: `storage`, without the password, and `name`."""
    question: str = ""
    """Docstring of the sweep's file."""

    @property
    def metric(self) -> str:
        """Name of the metric by which trials are compared."""
        return str(self.sweep["metric"])

    @property
    def mode(self) -> str:
        """`max` or `min`."""
        return str(self.sweep["mode"])

    @property
    def modes(self) -> tuple[str, ...]:
        """`max` or `min` of the metric and of each further objective."""
        further = self.sweep.get("objectives", ())
        return (self.mode, *("min" if each[-1:] == ["min"] else "max" for each in further))

    @property
    def pinned(self) -> Mapping[str, Any]:
        """The names of the space that the command line fixed, with the value of each."""
        return dict(self.sweep.get("pinned", {}))

    @property
    def mean_of_last(self) -> int:
        """Over how many reports the metric at a trial's end is the mean; 1 where trials differ."""
        evaluation = self.sweep.get("evaluation")
        found = evaluation.get("mean_of_last") if isinstance(evaluation, Mapping) else None
        return found if isinstance(found, int) else 1

    @property
    def chosen_search(self) -> str | None:
        """The search that `search="auto"` chose at the last start, and why; None for another."""
        return self.runs[-1].get("search") if self.runs else None

    @property
    def study_name(self) -> str:
        """Name of the study in its storage."""
        return self.study["name"] if self.study else self.name

    @property
    def changed_at(self) -> datetime | None:
        """The local time of the last start with a changed definition; None if there was none.

        It is the largest time if the record of it is damaged.
        """
        changed = [each["started"] for each in self.runs if each.get("changes")]
        if not changed:
            return None
        try:
            return datetime.fromisoformat(changed[-1]).astimezone().replace(tzinfo=None)
        except (ValueError, OverflowError):
            return datetime.max

    def write(self, run: RunLayout) -> None:
        """Write `sweep.json`."""
        known: dict[str, Any] = {"format": FORMAT, "name": self.name}
        known |= {"fingerprint": self.fingerprint, "definition": dict(self.sweep)}
        if self.study:
            known["study"] = dict(self.study)
        if self.question:
            known["question"] = self.question
        known["runs"] = [dict(each) for each in self.runs]
        write_atomic(run.definition, to_json(known, indent=2) + "\n")


def read_definition(run: RunLayout) -> RunDefinition:
    """Return the definition of a run.

    Raises ValueError, in one sentence, where there is no run, where its definition is damaged, and
    for a run of another format.
    """
    content = read_file(run.definition)
    if content is None:
        raise ValueError(f"{run.path} is not a run directory: it has no {DEFINITION}.")
    return parse_definition(content, str(run.path))


def parse_definition(content: bytes, shown: str) -> RunDefinition:
    """Return the definition of the run `shown` from the content of its `sweep.json`.

    Raises ValueError as `read_definition` does.
    """
    try:
        known = parse_json(content)
        _check_format(known, shown)
        file = validated(known, _File)
        validated(file.definition, _Sweep)
        for start in file.runs:
            validated(start, _Start)
    except _OtherFormatError:
        raise
    except ValueError as error:
        raise ValueError(
            f"{shown}/{DEFINITION} is damaged ({error}): restore it, or run the sweep in another"
            " directory."
        ) from error
    return RunDefinition(
        name=file.name,
        fingerprint=file.fingerprint,
        sweep=file.definition,
        runs=tuple(file.runs),
        study=file.study.model_dump() if file.study else None,
        question=file.question,
    )


class _Name(Checked):
    name: str


def name_of(run: RunLayout) -> str:
    """Return the name of the sweep that made a run, in whatever format the run is.

    Raises ValueError if the definition is damaged.
    """
    try:
        return parse_object(read_file(run.definition) or b"", _Name).name
    except ValueError as error:
        raise ValueError(
            f"{run.definition} is damaged ({error}): restore it, or choose another directory with"
            " --run-dir."
        ) from error


def first_start(content: bytes) -> object:
    """Return when a run was first started, from the content of its `sweep.json`.

    It distinguishes two runs that were stored in the same place. None if it cannot be read.
    """
    try:
        return parse_json(content)["runs"][0]["started"]
    except (ValueError, LookupError, TypeError):
        return None


class _OtherFormatError(ValueError):
    pass


def _check_format(known: object, shown: str) -> None:
    found = known.get("format", 0) if isinstance(known, dict) else FORMAT
    if found != FORMAT:
        raise _OtherFormatError(
            f"{shown} was written in format {found}, and this version of Segue reads format"
            f" {FORMAT}: read it with the version of Segue that wrote it, or start the sweep from"
            " scratch with --fresh, which moves this run aside."
        )
