"""A worker without Ray: its function is called here, and a fake driver assigns its trials."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segue.plan.sweeps.sweep import Sweep
from segue.record.row import FINAL, Row
from segue.tune.run.directory import RunDirectory
from segue.tune.verdicts import has_failed
from segue.tune.worker.messages import RUN, WORKER, Assignment, Message, Reply
from segue.tune.worker.worker import make_worker
from tests.tune.support.doubles import CONFIG

SEVEN = Assignment(CONFIG["trial"], CONFIG["recorded"])


@dataclass
class FakeDispatcher:
    """Assigns trials to one worker, `rows` at a time, and stops those of `stop_at`."""

    waiting: deque[Assignment]
    rows: int = 1
    stop_at: Collection[tuple[int, int]] = ()
    decided: Collection[int] = ()
    """Trials for which there are decisions in the run directory."""
    reports: list[tuple[int, Row]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    standing: set[int] = field(default_factory=set)

    def __call__(self, message: Message) -> Reply:
        """Reply to a message."""
        self.messages.append(message)
        reply = Reply()
        for number, row in message.reports:
            self.reports.append((number, row))
            if has_failed(row) or row[FINAL] or (number, row["env_steps"]) in self.stop_at:
                self.standing.discard(number)
                reply.stop.append(number)
            elif number in self.decided:
                reply.decided.append(number)
        while self.waiting and len(self.standing) < self.rows:
            start = self.waiting.popleft()
            self.standing.add(start.number)
            reply.begin.append(start)
        reply.finished = not self.standing
        return reply


def work(
    sweep: Sweep,
    path: Path,
    runner: Callable[..., Any] | None = None,
    starts: Sequence[Assignment] = (SEVEN,),
    **given: Any,
) -> FakeDispatcher:
    """Run the function of a worker to its end, and return the driver that it worked for."""
    dispatcher = FakeDispatcher(deque(starts), **given)

    def exchange(config: Mapping[str, Any]) -> FakeDispatcher:
        return dispatcher

    make_worker(sweep, RunDirectory(path), runner, exchange=exchange)({WORKER: 0, RUN: "double"})
    return dispatcher


def rows_of(
    sweep: Sweep, path: Path, runner: Callable[..., Any] | None = None, **given: Any
) -> list[Row]:
    """Return the rows that a worker reports of trial 7."""
    return [row for _, row in work(sweep, path, runner, **given).reports]
