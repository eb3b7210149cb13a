"""TensorBoard's HPARAMS page: an event file with a trial's parameters and its results.

The file is written next to the trial's own event files when the trial has ended, and is never
changed. Its name is fixed, so that each trial has one, and it is written atomically, so that a
resumed sweep finds the trials that still lack theirs. TensorBoard reads the files of a directory in
the order of their names: this one is the last, after all files of the trial.
"""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.record_writer import RecordWriter

from segue.base.files import check_replaceable
from segue.plan.sweeps.sweep import Sweep
from segue.record.row import ENV_STEPS
from segue.record.study.trials import COMPLETE, FAILED, TrialSummary
from segue.tune.observers.board import FINISHED
from segue.tune.ray_adapter import TrialObserver
from segue.tune.run.directory import RunDirectory
from segue.tune.study.record import StudyRecord
from segue.tune.study.trial_summary import summary_of

STATE = "trial state"  # among the parameters, whose own names have no spaces
_PLUGIN = "hparams"
_START = "_hparams_/session_start_info"
_END = "_hparams_/session_end_info"
_UNKNOWN = (
    0  # statuses in the plugin's api.proto; a pruned trial is neither a success nor a failure
)
_SUCCESS = 1
_FAILURE = 2
_STATUS = {COMPLETE: _SUCCESS, FAILED: _FAILURE}


class HParams(TrialObserver):
    """Writes the file of each trial that ends.

    The first write error is printed; the same command, run again, writes what is missing.
    """

    def __init__(self, record: StudyRecord, sweep: Sweep, run: RunDirectory) -> None:
        self._record = record
        self._sweep = sweep
        self._run = run
        self._has_warned = False

    def backfill(self) -> None:
        """Write the files that finished trials lack, as after a kill of the driver."""
        for number in self._record.numbers(*FINISHED):
            self._write(number)

    def ended(self, number: int) -> None:
        """Write the file of a trial that has ended."""
        self._write(number)

    def _write(self, number: int) -> None:
        path = self._run.trial(number).hparams
        if self._record.trial(number).state not in FINISHED or is_written(path):
            return
        try:
            upload = partial(self._run.upload_of_trial, number, path.name)
            write_hparams(path, summary_of(self._record, self._sweep, number), upload)
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._has_warned:
            print(
                f"TensorBoard's HPARAMS page will lack trials ({error}): run the same command again"
                " to add them.",
                file=sys.stderr,
            )
        self._has_warned = True


def is_written(path: Path) -> bool:
    """Return whether the file exists and is not empty, as a power cut may leave it."""
    return path.exists() and path.stat().st_size > 0


def write_hparams(
    path: Path, facts: TrialSummary, upload: Callable[[bytes], None] = lambda content: None
) -> None:
    """Write the file whole, after `upload` has stored its content.

    A file that is here is therefore stored, too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    check_replaceable(path)
    # TensorBoard does not read files of this name.
    temporary = path.with_name(f"hparams.{os.getpid()}.tmp")
    try:
        writer = RecordWriter(str(temporary))
        for event in events(facts):
            writer.write(event.SerializeToString())
        writer.close()
        upload(temporary.read_bytes())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def events(facts: TrialSummary) -> Iterator[Event]:
    """Yield the session's start with the parameters, the results as `final/*`, and its end.

    TensorBoard derives the page's columns from all trials: a define-by-run space has parameters
    that only some trials have. It sorts metrics by name, `final/*` before those of training.
    """
    yield Event(wall_time=facts.started_seconds, file_version="brain.Event:2")
    start = SessionStartInfo(start_time_secs=facts.started_seconds)
    for name, value in {**facts.parameters, STATE: facts.state}.items():
        kind = {bool: "bool_value", str: "string_value"}.get(type(value), "number_value")
        setattr(start.hparams[name], kind, value)
    end = SessionEndInfo(
        status=_STATUS.get(facts.state, _UNKNOWN), end_time_secs=facts.ended_seconds
    )
    yield _event(
        facts, 0, _plugin_value(_START, HParamsPluginData(version=0, session_start_info=start))
    )
    finals = {**facts.values, ENV_STEPS: float(facts.env_steps)}
    for name, value in finals.items():
        yield _event(facts, facts.env_steps, Summary.Value(tag=f"final/{name}", simple_value=value))
    yield _event(facts, 0, _plugin_value(_END, HParamsPluginData(version=0, session_end_info=end)))


def _event(facts: TrialSummary, step: int, value: Any) -> Event:
    return Event(wall_time=facts.ended_seconds, step=step, summary=Summary(value=[value]))


def _plugin_value(tag: str, data: Any) -> Any:
    content = SummaryMetadata.PluginData(plugin_name=_PLUGIN, content=data.SerializeToString())
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=content))
