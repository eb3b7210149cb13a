"""A file of TensorBoard events, which holds what was added once `flush` has returned.

tensorboardX's `SummaryWriter` writes in a thread, for which its `flush` does not wait: a trial that
is killed, or copied, after a report would lack events of that report.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorboardX.proto.event_pb2 import Event


class EventFile:
    """A new file of events in `directory`, from `from_steps` steps on.

    TensorBoard discards what earlier files in the directory hold from there on. The name
    distinguishes attempts that start in the same second at different steps.
    """

    def __init__(self, directory: Path, from_steps: int) -> None:
        # Imported here, since it is slow: it imports boto3 if that is installed.
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        directory.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(directory / "events"), f".{from_steps:012d}")
        start = SessionLog(status=SessionLog.START)
        self._write(Event(step=from_steps + 1, session_log=start))

    def add(self, env_steps: int, numbers: Mapping[str, float]) -> None:
        """Add numbers by their tags at a number of environment steps."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=number) for tag, number in numbers.items()]
        self._write(Event(step=env_steps, summary=Summary(value=values)))

    def flush(self) -> None:
        """Write to the disk what was added."""
        self._writer.flush()

    def close(self) -> None:
        """Write to the disk what was added, and close the file."""
        self._writer.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.write_event(event)
