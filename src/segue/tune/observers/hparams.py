"""TensorBoard's HPARAMS page: a trial's parameters and what they came to, in an event file beside
the trial's own.

The file is written when the trial has ended and is never changed. It has one name, so that a trial
has it once, and appears whole or not at all, so that a continued sweep sees which trials still lack
theirs. TensorBoard reads the files of a directory in the order of their names: this one comes last,
when the trial has written all of its own.
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

from segue.plan.sweeps.sweep import Sweep
from segue.tune.observers.board import FINISHED
from segue.tune.ray_adapter import TrialObserver
from segue.tune.run.directory import RunDirectory
from segue.tune.study.record import StudyRecord
from segue.tune.study.trial_facts import COMPLETE, FAILED, TrialFacts, facts_of

STATE = "trial state"  # among the parameters; no name of a pipeline function's, which has no blanks
_PLUGIN, _START, _END = "hparams", "_hparams_/session_start_info", "_hparams_/session_end_info"
_SUCCESS, _FAILURE, _UNKNOWN = (
    1,
    2,
    0,
)  # api.proto of the plugin; a trial that was pruned is neither of the first two
_STATUS = {COMPLETE: _SUCCESS, FAILED: _FAILURE}


class HParams(TrialObserver):
    """Writes the file of each trial that ends. What cannot be written is told once, and made up for
    another time.
    """

    def __init__(self, record: StudyRecord, sweep: Sweep, run: RunDirectory) -> None:
        self._record, self._sweep, self._run = record, sweep, run
        self._has_complained = False

    def make_up(self) -> None:
        """Write the files that finished trials lack: the driver was killed before it could."""
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
            keep = partial(self._run.upload_of_trial, number, path.name)
            write_hparams(path, facts_of(self._record, self._sweep, number), keep)
        except OSError as error:
            if not self._has_complained:
                print(
                    f"TensorBoard will miss trials ({error}): the same command makes up for it.",
                    file=sys.stderr,
                )
            self._has_complained = True


def is_written(path: Path) -> bool:
    """Whether the file is there; a power cut may leave an empty one."""
    return path.exists() and path.stat().st_size > 0


def write_hparams(
    path: Path, facts: TrialFacts, keep: Callable[[bytes], None] = lambda content: None
) -> None:
    """Write the file at once, whole, after `keep` has its content: what is here is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(
        f"hparams.{os.getpid()}.tmp"
    )  # a name that TensorBoard does not look at
    try:
        writer = RecordWriter(str(temporary))
        for event in events(facts):
            writer.write(event.SerializeToString())
        writer.close()
        keep(temporary.read_bytes())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def events(facts: TrialFacts) -> Iterator[Event]:
    """The session's start with the parameters, what they came to as `final/*`, and the session's
    end.

    The page's columns are left for TensorBoard to find out from all trials: spaces that are
    functions have names that only some trials have. It sorts metrics by name, `final/*` before
    those of training.
    """
    yield Event(wall_time=facts.started, file_version="brain.Event:2")
    start = SessionStartInfo(start_time_secs=facts.started)
    for name, value in {**facts.parameters, STATE: facts.state}.items():
        kind = {bool: "bool_value", str: "string_value"}.get(type(value), "number_value")
        setattr(start.hparams[name], kind, value)
    end = SessionEndInfo(status=_STATUS.get(facts.state, _UNKNOWN), end_time_secs=facts.ended)
    yield _event(
        facts, 0, _plugin_value(_START, HParamsPluginData(version=0, session_start_info=start))
    )
    finals = {**facts.values, "env_steps": float(facts.env_steps)}
    for name, number in finals.items():
        yield _event(
            facts, facts.env_steps, Summary.Value(tag=f"final/{name}", simple_value=number)
        )
    yield _event(facts, 0, _plugin_value(_END, HParamsPluginData(version=0, session_end_info=end)))


def _event(facts: TrialFacts, step: int, value: Any) -> Event:
    return Event(wall_time=facts.ended, step=step, summary=Summary(value=[value]))


def _plugin_value(tag: str, data: Any) -> Any:
    content = SummaryMetadata.PluginData(plugin_name=_PLUGIN, content=data.SerializeToString())
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=content))
